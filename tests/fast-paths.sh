#!/usr/bin/env bash
# Budgets of the fast paths, read off the disassembly: instructions and calls on the hot path of the fp_ functions of each
# strategy's object, against fast-paths.budget. What counts is said in fast-paths.awk; the code must lay the hot path out as
# fall-through (LIKELY, UNLIKELY), which is itself worth checking. First the walker is run on a small object of known counts.
#
#   fast-paths.sh SOURCE BUILD                     every strategy of a build
#   fast-paths.sh --object FILE.so [--budget FILE]  one object, as of a strategy from outside the tree; without a budget: what it has
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
budget=$here/fast-paths.budget
object='' build=${2:-}
if [ "${1:-}" = --object ]; then
  object=${2:-} build=''
  [ -e "$object" ] || { echo "fast-paths: no object ${object:-is named}" >&2 && exit 2; }
  budget=/dev/null
  [ "${3:-}" != --budget ] || budget=${4:-}
  [ -r "$budget" ] || { echo "fast-paths: no budget $budget" >&2 && exit 2; }
fi
export LC_ALL=C

case $(uname -m) in
x86_64 | amd64) ;;
*) echo "fast-paths: reads x86-64 only" && exit 77 ;;
esac
command -v objdump >/dev/null || { echo "fast-paths: needs objdump (binutils)" && exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

walk() { # OBJECT FUNCTION...: what fast-paths.awk prints
  local object=$1
  shift
  nm -S "$object" >"$scratch/symbols"
  objdump -d --no-show-raw-insn "$object" >"$scratch/listing"
  awk -v wanted="$*" -f "$here/fast-paths.awk" "$scratch/symbols" "$scratch/listing"
}

self_test() {
  cat >"$scratch/known.s" <<'ASM'
  .text
  .macro fn name
  .globl \name
  .hidden \name
  .type \name, @function
\name:
  .endm
  .macro end name
  .size \name, . - \name
  .endm

  fn fp_leaf
  endbr64
  lock incl (%rdi)
  nopw 0x0(%rax,%rax,1)
  ret
  end fp_leaf

  fn fp_branches
  subl $1, (%rdi)
  je 1f
  jmp 2f
1: call fp_leaf
  .p2align 4
2: movl $1, %eax
  ret
  end fp_branches

  fn fp_calls
  call fp_leaf
  incl (%rdi)
  ret
  end fp_calls

  fn fp_tail
  incl (%rdi)
  jmp fp_leaf
  end fp_tail

  fn fp_through
  jmp *%rdi
  end fp_through

  fn fp_loop
1: decl %edi
  jmp 1b
  end fp_loop

  fn fp_trap
  incl %edi
  ud2
  end fp_trap

  fn fp_edge
  incl %edi
  end fp_edge

  fn fp_same
  fn fp_alias
  movl %edi, %eax
  repz ret
  end fp_same
  end fp_alias
  .section .note.GNU-stack, "", @progbits
ASM
  "${CC:-cc}" -shared -nostdlib -o "$scratch/known.so" "$scratch/known.s"
  walk "$scratch/known.so" fp_leaf fp_branches fp_calls fp_tail fp_through fp_loop fp_trap fp_edge fp_same fp_alias fp_absent |
    grep -v '^ ' >"$scratch/found"
  diff - "$scratch/found" <<'KNOWN' || { echo "fast-paths: the walker miscounts (< expected, > found)" && exit 1; }
fp_leaf 1 0 ret
fp_branches 4 0 ret
fp_calls 2 1 ret
fp_tail 2 1 tail
fp_through 1 1 tail
fp_loop 2 0 loop
fp_trap 2 0 trap
fp_edge 1 0 edge
fp_same 1 0 ret
fp_alias 1 0 ret
fp_absent 0 0 missing
KNOWN
}

# The lines of the budget that hold for one object, "function instructions calls": the most particular line of each function.
budget_of() { # STRATEGY FLAVOUR
  awk -v strategy="$1" -v flavour="$2" '
    /^[ \t]*(#|$)/ { next }
    NF != 5 || $4 !~ /^[0-9]+$/ || $5 !~ /^[0-9]+$/ {
      print FILENAME ":" FNR ": needs strategy, flavour, function, instructions, calls" > "/dev/stderr"
      bad = 1
      next
    }
    ($1 == strategy || $1 == "*") && ($2 == flavour || $2 == "*") {
      weight = 2 * ($1 != "*") + ($2 != "*") + 1
      if (weight >= best[$3]) { best[$3] = weight; line[$3] = $3 " " $4 " " $5 }
    }
    END {
      for (f in line) print line[f]
      exit bad
    }' "$budget" | sort
}

failed=0 checked=0
check_object() { # OBJECT STRATEGY FLAVOUR
  local object=$1 strategy=$2 flavour=$3 lines function most allowed found n calls end
  lines=$(budget_of "$strategy" "$flavour") || exit 1
  if [ -z "$lines" ]; then
    echo "fast-paths: no line of the budget holds for $strategy.$flavour"
    failed=1
    return
  fi
  # shellcheck disable=SC2046 # one word per function is what is wanted
  walk "$object" $(cut -d' ' -f1 <<<"$lines") >"$scratch/walks"
  while read -r function most allowed; do
    found=$(awk -v f="$function" '/^[^ ]/ { on = $1 == f } on' "$scratch/walks")
    read -r _ n calls end <<<"$found"
    checked=$((checked + 1))
    if [ "$n" -le "$most" ] && [ "$calls" -le "$allowed" ] && { [ "$end" = ret ] || [ "$end" = tail ]; }; then
      printf '%-24s %-26s %3d of %3d instructions, %d of %d calls\n' "$strategy.$flavour" "$function" "$n" "$most" "$calls" "$allowed"
    else
      printf '%-24s %-26s %3d of %3d instructions, %d of %d calls, ends: %s   OVER\n' "$strategy.$flavour" "$function" "$n" "$most" "$calls" \
        "$allowed" "$end"
      tail -n +2 <<<"$found"
      failed=1
    fi
  done <<<"$lines"
}

# What an object has, where nobody has said what it may have.
show_object() { # OBJECT
  # shellcheck disable=SC2046 # one word per function is what is wanted
  walk "$1" $(nm "$1" | awk '$3 ~ /^fp_[a-z_]+$/ { print $3 }' | sort) | awk '/^[^ ]/ { printf "%-26s %3d instructions, %d calls\n", $1, $2, $3 }'
}

self_test
if [ -n "$object" ]; then
  name=$(basename "$object" .so)
  if [ "$budget" = /dev/null ]; then
    show_object "$object"
  else
    check_object "$object" "${name%.*}" "${name##*.}"
  fi
  exit "$failed"
fi
for object in "$build"/strategies/*.so; do
  [ -e "$object" ] || { echo "fast-paths: no strategy objects in $build/strategies" && exit 1; }
  name=$(basename "$object" .so)
  check_object "$object" "${name%.*}" "${name##*.}"
done
# A name in the budget that no object has would be a line that checks nothing.
# shellcheck disable=SC2013 # names hold no blanks
for strategy in $(awk '!/^[ \t]*(#|$)/ && $1 != "*" { print $1 }' "$budget" | sort -u); do
  compgen -G "$build/strategies/$strategy.*.so" >/dev/null || { echo "fast-paths: the budget names $strategy, which was not built" && failed=1; }
done
echo "fast-paths: $checked functions looked at"
exit "$failed"
