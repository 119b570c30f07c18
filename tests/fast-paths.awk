# fast-paths.awk: walks the hot path of functions in a disassembly. Reads the symbol table (nm -S) and then the listing
# (objdump -d --no-show-raw-insn) of one x86-64 object; prints, for each function of `wanted` (names separated by blanks),
#
#   FUNCTION INSTRUCTIONS CALLS END       and below it, each indented, the instructions of the path
#
# The hot path starts at the entry, falls through every conditional branch, follows unconditional jumps inside the function, and
# ends at a return. Not counted: the return itself (an inlined copy has none), endbr64, and padding of any length. END says why the
# walk ended: "ret"; "tail" for a jump out of the function or through a register, which counts as a call; "trap" for an instruction
# that does not continue; "loop" when it came back to where it had been; "edge" when it ran past the function's end; "missing" when
# there is no such function.

# Addresses stay strings of hexadecimal digits, since awk's numbers are no 64-bit integers; without leading zeros they are unique.
function plain(address) {
  sub(/^0+/, "", address)
  return address == "" ? "0" : address
}

# Of one instruction, prefixes left out: the mnemonic.
function mnemonic(text) {
  while (sub(/^(lock|rep|repz|repnz|bnd|notrack|data16|cs|ds|es|ss|fs|gs|addr32|rex\.?[WRXB]*)[ \t]+/, "", text)) continue
  sub(/[ \t].*/, "", text)
  return text
}

# Where a direct jump goes, "" for an indirect one.
function destination(text) {
  if (!match(text, /[ \t][0-9a-f]+ </)) return ""
  return plain(substr(text, RSTART + 1, RLENGTH - 3))
}

function walk(name,    at, op, to, path, n, calls, end) {
  split("", seen)
  n = calls = 0
  path = end = ""
  if (!(name in entry)) end = "missing"
  for (at = entry[name]; end == ""; at = to) {
    if (at in seen) { end = "loop"; break }
    if (!(at in text) || owner[at] != entry[name]) { end = "edge"; break }
    seen[at] = 1
    op = mnemonic(text[at])
    to = after[at]
    if (op ~ /^(nop|endbr)/ || text[at] ~ /^xchg[ \t]+%ax,%ax/) continue
    if (op ~ /^ret/) { end = "ret"; break }
    n++
    path = path "    " text[at] "\n"
    if (op ~ /^call/) calls++
    else if (op ~ /^(ud[0-9]|hlt|int3)/) end = "trap"
    else if (op ~ /^jmp/) {
      to = destination(text[at])
      if (to == "" || owner[to] != entry[name]) {
        calls++
        end = "tail"
      }
    }
  }
  printf "%s %d %d %s\n%s", name, n, calls, end, path
}

# nm -S: address size type name. Aliases share an address; the listing shows one name only, so functions are told by address.
FILENAME == ARGV[1] && NF == 4 && $3 ~ /^[tTwW]$/ {
  entry[$4] = plain($1)
  start[plain($1)] = 1
}

# objdump -d: "  1139:<tab>push   %rbp"
FILENAME == ARGV[2] && /^ *[0-9a-f]+:\t/ {
  at = $1
  sub(/:$/, "", at)
  at = plain(at)
  if (at in start) current = at
  text[at] = $0
  sub(/^[^\t]*\t/, "", text[at])
  sub(/[ \t]+(#.*)?$/, "", text[at])
  owner[at] = current
  if (last != "") after[last] = at
  last = at
}

END {
  n = split(wanted, names, " ")
  for (i = 1; i <= n; i++) walk(names[i])
}
