#!/usr/bin/env bash
# The door: from an installation in a scratch prefix alone, a strategy and a pack of workloads from outside the tree are built, listed,
# tested and swept beside the tree's own, by the very commands of docs/add-a-strategy.md and docs/add-a-workload.md. The prefix has a blank
# in its path, and is moved after it was made. Then once more with the other compiler and the other generator, where there are such, with a
# fault in the strategy that its conformance suite must find.
#
#   door.sh SOURCE BUILD
set -euo pipefail
source=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
export LC_ALL=C
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
export CC CMAKE_GENERATOR CMAKE_BUILD_PARALLEL_LEVEL
CC=$(cached CMAKE_C_COMPILER)
CMAKE_GENERATOR=$(cached CMAKE_GENERATOR)
CMAKE_BUILD_PARALLEL_LEVEL=$(nproc)
export RECLAIM_STRATEGIES='rc;mark-sweep;generational' # with all of them there would be nothing more to see
unset RECLAIM_PLUGIN_PATH

complain() {
  echo "door: $*"
  failed=1
}
expect() { # WHAT COMMAND...: it succeeds
  local what=$1
  shift
  "$@" >"$scratch/log" 2>&1 || { complain "$what: exit code $?" && tail -n 40 "$scratch/log"; }
}

# --- The pages: what they show is what is there ---------------------------------------------------------------------------------

# Each fenced block that follows a line "`FILE`:" is that file, to the letter.
shown=0
check_shown() { # PAGE
  local file
  # shellcheck disable=SC2016 # backquotes are what is looked for
  while read -r file; do
    shown=$((shown + 1))
    awk -v file="$file" '
      $0 == "`" file "`:" { found = 1; next }
      found == 1 && /^```/ { found = 2; next }
      found == 2 && /^```$/ { exit }
      found == 2' "$source/docs/$1" | cmp -s - "$source/$file" || complain "docs/$1 shows another $file"
  done < <(sed -n 's/^`\(examples\/.*\)`:$/\1/p' "$source/docs/$1")
}

# The commands of a page: its blocks that are marked sh, in order, as one script.
run_page() { # PAGE
  awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' "$source/docs/$1" >"$scratch/page.sh"
  [ -s "$scratch/page.sh" ] || complain "docs/$1 has no commands"
  (cd "$work" && bash -euo pipefail -x "$scratch/page.sh") >"$scratch/page.log" 2>&1 ||
    { complain "the commands of docs/$1 failed: exit code $?" && grep -v ' ok$' "$scratch/page.log" | tail -n 60; }
}

check_shown add-a-strategy.md
check_shown add-a-workload.md
[ "$shown" -ge 5 ] || complain "the pages show only $shown files"

# What the conformance tests use of Criterion, the stand-in has: an outside strategy may be the first to compile some of them.
while read -r macro; do
  grep -q "define $macro(" "$source/tests/conformance/verdicts/criterion/criterion.h" ||
    complain "the conformance tests use $macro, which tests/conformance/verdicts/criterion/criterion.h has not"
done < <(grep -oh '\bcr_[a-z_]*\b' "$source"/tests/conformance/*.[ch] | sort -u)

# --- From the pages alone -----------------------------------------------------------------------------------------------------

export HOME="$scratch/a home"
work="$HOME/work"
mkdir -p "$work"
ln -s "$build" "$work/build"
run_page add-a-strategy.md
grep -q '^[1-9][0-9]* passed, 0 failed$' "$scratch/page.log" || complain "no conformance in the commands of the page"
run_page add-a-workload.md
grep -q '"checked":true' "$scratch/page.log" || complain "the checked pack does not say so"
reclaim="$HOME/reclaim/bin/reclaim"

# The same inlining: operation for operation, the pack's object is made of the instructions that the strategy's own is made of.
paths() { bash "$source/tests/fast-paths.sh" --object "$1"; }
if [ "$(uname -m)" = x86_64 ] && command -v objdump >/dev/null; then
  own=$(paths "$(echo "$HOME"/reclaim/lib*/reclaim/strategies/mark-sweep.pool.so)")
  [ "$(grep -c instructions <<<"$own")" -ge 20 ] || complain "only these fast paths: $own"
  diff <(echo "$own") <(paths "$work/queues/build/plugins/queues+mark-sweep.pool.so") >"$scratch/log" ||
    { complain "a pack's fast paths are not the strategy's own (<)" && cat "$scratch/log"; }
fi

# --- Both together: the same tables, checksums that agree, and the door moved ---------------------------------------------------------

mv "$HOME/reclaim" "$HOME/moved"
reclaim="$HOME/moved/bin/reclaim"
plugins="$work/compact/build/plugins,$work/queues/build/plugins"
cd "$work"
column() { # NAME: of samples.csv, without the header; quoted fields are of no interest
  sed 's/\r$//; s/"[^"]*"/quoted/g' swept/samples.csv |
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next } { print $c }'
}
expect "a sweep of both" "$reclaim" run --plugin-path "$plugins" --strategy rc,mark-sweep,compact --workload trees,fifo --sharing private \
  --threads 1 --heap 3x --heap-base declared --blocks 2 --iterations 1 --repeats 0 --set nodes=200000 --set operations=100000 --out swept
[ "$(column status | sort | uniq -c | awk '$2 != "ok" && $2 != "uncollected" { print $2 }')" = not-applicable ] ||
  complain "statuses of the sweep: $(column status | sort | uniq -c | tr '\n' ' ')"
[ "$(paste -d' ' <(column workload) <(column checksum) | awk '$2' | sort -u | wc -l)" -eq 2 ] || complain "checksums differ between strategies"
[ "$(column strategy | sort -u | tr '\n' ' ')" = "compact mark-sweep rc " ] || complain "strategies in the rows: $(column strategy | sort -u)"
[ "$(column object_sha256 | awk 'length == 64' | sort -u | wc -l)" -eq 5 ] || complain "not five objects were measured"

# A heap too small for what lives is that cell's status, and the sweep goes on.
rm -rf swept
"$reclaim" run --plugin-path "$plugins" --strategy rc,compact,mark-sweep --workload trees --set kept-depth=16 --set nodes=100000 --heap 2M \
  --threads 1 --blocks 1 --iterations 1 --warmup 0 --repeats 0 --out swept >"$scratch/log" 2>&1 && complain "a heap too small passed"
[ "$(paste -d' ' <(column strategy) <(column status) | sort | tr '\n' ';')" = "compact heap-too-small;mark-sweep heap-too-small;rc ok;" ] ||
  complain "statuses in a heap too small: $(paste -d' ' <(column strategy) <(column status) | tr '\n' ';')"

# --- The other compiler, the other generator, one project of both, and a fault ------------------------------------------------------------

other=$CC
case $CC in
*clang*) ! command -v gcc >/dev/null || other=gcc ;;
*) ! command -v clang >/dev/null || other=clang ;;
esac
generator=$CMAKE_GENERATOR
if [ "$generator" = Ninja ] && command -v make >/dev/null; then generator='Unix Makefiles'; elif command -v ninja >/dev/null; then generator=Ninja; fi
mkdir both && cd both
cp ../queues/fifo.c ../compact/compact.[ch] .
cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.20)
project(both LANGUAGES C)
find_package(reclaim 0.1 REQUIRED)
reclaim_add_workloads(lines fifo.c STRATEGIES rc)
reclaim_add_strategy(forgetful compact.h compact.c LIBRARIES m FLAVOURS pool)
CMAKE
# It forgets that a local refers to what moves.
sed -i 's/^  for (Link \*l = T->top; l; l = l->prev) adjust(T, &l->s.p_);$//' compact.c
CC=$other CMAKE_GENERATOR=$generator expect "configuring with $other, $generator" cmake -B build -DCMAKE_PREFIX_PATH="$HOME/moved"
expect "building with $other, $generator" cmake --build build
[ "$(cd build/plugins && echo *)" = "forgetful.pool.conformance forgetful.pool.so lines+forgetful.pool.so lines+rc.malloc.so lines+rc.pool.so" ] ||
  complain "made of one project: $(cd build/plugins && echo *)"
"$reclaim" conformance build/plugins/forgetful.pool.so --only objects >"$scratch/log" 2>&1 && complain "a collector that forgets locals conforms"
grep -q '^objects\.lists\.[a-z_]* *FAILED' "$scratch/log" || { complain "the fault was not found in lists" && tail -n 20 "$scratch/log"; }
grep -q '[1-9][0-9]* failed$' "$scratch/log" || complain "no count of failures"
"$reclaim" list workloads --plugin-path build/plugins >"$scratch/log" 2>&1 || complain "list workloads: $?"
grep -q '\[pack lines\]' "$scratch/log" || complain "the pack is not listed"

# What find_package and the functions refuse, in one line each.
refuse() { # LINE SAYS
  mkdir -p ../refused
  printf 'cmake_minimum_required(VERSION 3.20)\nproject(refused LANGUAGES C)\nfind_package(reclaim REQUIRED)\n%s\n' "$1" >../refused/CMakeLists.txt
  if cmake -S ../refused -B ../refused/build -DCMAKE_PREFIX_PATH="$HOME/moved" >"$scratch/log" 2>&1; then complain "accepted: $1"; fi
  tr '\n' ' ' <"$scratch/log" | tr -s ' ' | grep -qF "$2" || { complain "'$1' was refused otherwise" && cat "$scratch/log"; }
}
refuse 'reclaim_add_strategy(rc my.h)' "reclaim has one of that name"
refuse 'reclaim_add_strategy(My_GC my.h)' "a name is lower case"
refuse 'reclaim_add_strategy(my-gc my.h)' "no such file"
refuse 'reclaim_add_strategy(my-gc my.h FLAVOURS pol)' "there is no flavour 'pol'"
refuse 'reclaim_add_workloads(my-pack)' "it has no source"
refuse 'reclaim_add_workloads(my-pack CMakeLists.txt STRATEGIES nobody)' "reclaim has no strategy 'nobody'"

[ "$failed" -eq 0 ] && echo "door: open"
exit "$failed"
