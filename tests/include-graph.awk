# include-graph.awk: holds every #include and every preprocessor condition against docs/architecture.md. Run in the project's
# root with all .c and .h files of runtime, strategies, workloads and harness as arguments; prints one line per fault, exits 1.
#
# Each file has a rank, and may include its own rank or a lower one:
#
#   0 runtime/descriptor.h   1 runtime/base*   2 strategies/parts/*   3 strategies/<name>.h   4 runtime/mm*   5 runtime/layout*
#   6 runtime/objects* and whatever else lies in runtime/   7 workloads/*
#
# The .c files in strategies/ are ends of arrows, not links: their slow paths walk objects, so they may use up to runtime/layout*.
# A strategy never includes another's header; what two share is in parts/. harness/ includes itself and runtime/descriptor.h.
# Which strategy a file is compiled for is nobody's business outside strategies/: conditions test capabilities only.

function complain(what) {
  print FILENAME ":" FNR ": " what
  faults++
}

# The strategy that a file directly in strategies/ belongs to, "" for any other.
function strategy_of(path,    m) {
  if (path !~ /^strategies\/[^\/]+\.[ch]$/) return ""
  m = path
  gsub(/^strategies\/|\.[ch]$/, "", m)
  return m
}

function rank(path) {
  if (path == "runtime/descriptor.h") return 0
  if (path ~ /^runtime\/base/) return 1
  if (path ~ /^strategies\/parts\//) return 2
  if (path ~ /^strategies\//) return 3
  if (path ~ /^runtime\/mm/) return 4
  if (path ~ /^runtime\/layout/) return 5
  if (path ~ /^runtime\//) return 6
  if (path ~ /^workloads\//) return 7
  return -1
}

# What an include names: a path from the root, or one beside the including file; "" when there is no such file.
function resolve(name,    beside) {
  if (name in known) return name
  beside = FILENAME
  sub(/[^\/]*$/, "", beside)
  while (name ~ /^\.\.\//) {
    sub(/^\.\.\//, "", name)
    sub(/[^\/]+\/$/, "", beside)
  }
  return (beside name) in known ? beside name : ""
}

# The highest rank that a file may include.
function most(path) { return path ~ /^strategies\/.*\.c$/ ? 5 : rank(path) }

function check_edge(to,    from) {
  from = FILENAME
  if (from ~ /^harness\//) {
    if (to !~ /^harness\// && to != "runtime/descriptor.h")
      complain("the harness includes " to "; of the runtime it knows runtime/descriptor.h only")
    return
  }
  if (to ~ /^harness\//) {
    complain(from " includes " to "; nothing below the descriptor knows the harness")
    return
  }
  if (strategy_of(to) != "" && strategy_of(from) != "" && strategy_of(to) != strategy_of(from)) {
    complain("one strategy includes another's " to "; what they share belongs in strategies/parts/")
    return
  }
  if (rank(to) > most(from)) complain("includes " to ", which comes after it in the order of docs/architecture.md")
}

# Whether the words of a strategy's name stand one after the other in an identifier: MM_MARK_SWEEP, STRATEGY_RC.
function names_strategy(identifier,    s) {
  identifier = "_" tolower(identifier) "_"
  for (s in strategies)
    if (index(identifier, "_" s "_")) return 1
  return identifier ~ /_mm_strategy_/
}

function check_condition(line,    word) {
  gsub(/\/\*[^*]*\*\/|\/\/.*|"[^"]*"/, " ", line)
  sub(/^[ \t]*#[ \t]*[a-z]+/, "", line)
  while (match(line, /[A-Za-z_][A-Za-z_0-9]*/)) {
    word = substr(line, RSTART, RLENGTH)
    line = substr(line, RSTART + RLENGTH)
    if (word !~ /_H_?$/ && names_strategy(word)) complain("a condition on a strategy's name: " word)
  }
}

BEGIN {
  for (i = 1; i < ARGC; i++) {
    known[ARGV[i]] = 1
    if (ARGV[i] ~ /\.h$/ && (name = strategy_of(ARGV[i])) != "") {
      gsub(/-/, "_", name)
      strategies[name] = 1
    }
  }
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
  name = $0
  sub(/^[^"]*"/, "", name)
  sub(/".*/, "", name)
  if (name == "version.h" && FILENAME ~ /^harness\//) next # made by the build
  target = resolve(name)
  if (target == "") complain("includes \"" name "\", which is no file of the project")
  else check_edge(target)
  edges++
}

/^[ \t]*#[ \t]*include[ \t]+MM_STRATEGY_HEADER/ {
  if (FILENAME ~ /^harness\// || most(FILENAME) < 3) complain("includes the strategy's header from below it")
  edges++
}

# A condition can go on over several lines.
/^[ \t]*#[ \t]*(if|elif|ifdef|ifndef)/ { condition = 1; text = "" }
condition {
  text = text $0
  condition = sub(/\\$/, " ", text)
  if (!condition && FILENAME !~ /^strategies\//) check_condition(text)
}

END {
  if (!edges) {
    print "no #include found: nothing was checked"
    exit 1
  }
  exit faults > 0
}
