#!/usr/bin/env bash
# `reclaim gate --base-rev` on a repository of its own that is built in a moment: a base that builds, one that does not, one that needs its
# own workloads, hooks that must not run, signals at any time; and after each of them nothing is left, neither in the private folder nor in
# the repository.
set -euo pipefail
SOURCE=$1 BUILD=$2
command -v git >/dev/null && command -v cmake >/dev/null || exit 77
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
unset RECLAIM_PLUGIN_PATH
export HOME=$T TMPDIR=$T/tmp GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
mkdir -p "$T/tmp" "$T/b/strategies" "$T/repo/cmake" "$T/repo/strategies" "$T/repo/workloads"

fail() {
  echo "gate-revision: $*" >&2
  cat "$T/out" "$T/err" >&2
  exit 1
}
cached() { sed -n "s/^$1:[A-Z]*=//p" "$BUILD/CMakeCache.txt"; }

# --- A program that takes the repository for its source ---------------------------------------------------------------------------------
cp "$BUILD/reclaim" "$T/b/reclaim"
cp "$BUILD/tests/doubles/fake.pool.so" "$T/b/strategies"
cat >"$T/b/CMakeCache.txt" <<END
CMAKE_HOME_DIRECTORY:INTERNAL=$T/repo
CMAKE_C_COMPILER:FILEPATH=$(cached CMAKE_C_COMPILER)
CMAKE_GENERATOR:INTERNAL=$(cached CMAKE_GENERATOR)
END
cat >"$T/repo/cmake/plugins.cmake" <<END
find_package(Threads REQUIRED)
function(reclaim_strategies OUT)
  set_property(GLOBAL PROPERTY RECLAIM_fake_FLAVOURS pool)
  set(\${OUT} fake PARENT_SCOPE)
endfunction()
function(reclaim_object TARGET STRATEGY FLAVOUR NAME PACK FOLDER)
  add_library(\${TARGET} MODULE "\${RECLAIM_ROOT}/strategies/fake.c")
  target_include_directories(\${TARGET} PRIVATE "\${RECLAIM_ROOT}" "$SOURCE" "$SOURCE/tests/doubles")
  target_compile_definitions(\${TARGET} PRIVATE DOUBLE_NAME="fake" DOUBLE_FLAVOUR="pool")
  target_link_libraries(\${TARGET} PRIVATE Threads::Threads)
  set_target_properties(\${TARGET} PROPERTIES PREFIX "" OUTPUT_NAME fake.pool LIBRARY_OUTPUT_DIRECTORY "\${FOLDER}")
endfunction()
END
printf '%s\n' '#include "tests/doubles/fake.c"' '#include "workloads/work.h"' 'int of_workload = WORK;' >"$T/repo/strategies/fake.c"
echo '#define WORK 1' >"$T/repo/workloads/work.h"
cd "$T/repo"
git init -q .
printf '#!/bin/sh\ntouch "%s/hooked"\n' "$T" >.git/hooks/post-checkout
chmod +x .git/hooks/post-checkout
save() { git add -A && git commit -qm "$1" && git tag "$1"; }
save good
sed -i 's/WORK;/WORK_AS_IT_WAS;/' strategies/fake.c
echo '#define WORK_AS_IT_WAS 1' >workloads/work.h
save own
echo '#error "this revision is broken"' >>strategies/fake.c
save broken
git checkout -q good -- .
save newer
rm -f "$T/hooked"
cd "$T"

# --- What must hold however it ends --------------------------------------------------------------------------------------------------------
gate() { # WANTED-CODES FLAGS...
  local codes=$1 code=0
  shift
  rm -rf "$T/g"
  "$T/b/reclaim" gate --strategy fake --workload work --heap grow --pin none --set us=0 --warmup 0 --iterations 1 --pairs 6 \
    --most-pairs 6 --quiet --out g "$@" >out 2>err || code=$?
  [[ " $codes " == *" $code "* ]] || fail "gate $* ended with $code, not with one of: $codes"
  nothing_left "gate $*"
}
nothing_left() {
  [ -z "$(ls -A "$T/tmp")" ] || fail "$1 leaves $(ls -A "$T/tmp") behind"
  [ "$(git -C "$T/repo" worktree list | wc -l)" -eq 1 ] || fail "$1 leaves a worktree behind"
  [ ! -e "$T/hooked" ] || fail "$1 ran a hook"
}
says() { grep -q -- "$1" "$2" || fail "'$1' is not said in $2"; }

JUDGED="0 1 3"
gate "$JUDGED" --base-rev good --layout functions
says '"workloads": "the newer side' g/campaign.json
says "\"base_commit\": \"$(git -C repo rev-parse --short=12 good)\"" g/campaign.json
says 'functions of 1 object files linked in random order' out
says 'control shuf' out
! grep -q '"head_commit": ".*-dirty' g/campaign.json || fail "it is not dirty"
# Paths are equally long on all sides; the base and its twin are one file, the other layout is another.
lengths=$(grep -o '"object": "[^"]*/\(base\|head\|twin\|shuf\)/fake.pool.so"' g/campaign.json | awk '{ print length($0) }' | sort -u | wc -l)
[ "$lengths" -eq 1 ] || fail "the sides' paths are of $lengths lengths"
hash_of() { tr -d '\n' <g/campaign.json | grep -o "/$1/fake.pool.so\", *\"object_sha256\": \"[0-9a-f]*\"" | head -n 1 | grep -o '[0-9a-f]\{64\}'; }
[ "$(hash_of base)" = "$(hash_of twin)" ] || fail "the twin is another file"
[ "$(hash_of base)" = "$(hash_of head)" ] || fail "equal sources and flags give other objects"
[ "$(hash_of base)" != "$(hash_of shuf)" ] || fail "the other layout is the same"

gate "$JUDGED" --base-rev good
says '1 object files linked in random order' out
echo '/* changed */' >>repo/workloads/work.h
gate "$JUDGED" --base-rev good
says '"head_commit": ".*-dirty' g/campaign.json
git -C repo -c core.hooksPath=/dev/null checkout -q -- workloads

gate "$JUDGED" --base-rev own
says '"workloads": "each its own"' g/campaign.json
says 'does not compile with the newer' out

gate 2 --base-rev broken
says 'does not build:' err
says 'this revision is broken' err
gate 2 --base-rev nowhere
says "'nowhere' is no revision" err
[ "$(wc -l <err)" -eq 1 ] || fail "not one line"
gate 2 --base-rev --upload-pack=x
[ ! -e g ] || fail "a refused gate leaves its results folder behind"

# --- Signals: while it builds, and while it measures ----------------------------------------------------------------------------------------
interrupted() { # FILE: the signal comes when it is there
  local code=0
  rm -rf g
  "$T/b/reclaim" gate --strategy fake --workload work --heap grow --pin none --set us=20000 --pairs 1000 --quiet --out g --base-rev good \
    >out 2>err &
  until compgen -G "$1" >/dev/null; do kill -0 $! 2>/dev/null || fail "it ended before $1 was there"; done
  kill -TERM $!
  wait $! || code=$?
  [ "$code" -eq 130 ] || fail "interrupted at $1, it ended with $code"
  nothing_left "a gate that was interrupted at $1"
}
interrupted "tmp/*/reclaim-gate-*"
interrupted "repo/.git/worktrees/*"
interrupted "tmp/*/base.build"
interrupted "g/journal.log"

# --- Killed: nobody clears then, and the next gate does, of the dead alone ------------------------------------------------------------------
code=0
rm -rf g
"$T/b/reclaim" gate --strategy fake --workload work --heap grow --pin none --set us=20000 --pairs 1000 --quiet --out g --base-rev good \
  >out 2>err &
until [ -s g/journal.log ]; do kill -0 $! 2>/dev/null || fail "it ended before it measured"; done
mkdir tmp/reclaim-gate-AAAAAA tmp/reclaim-gate-other # without the file that says whose it is
"$T/b/reclaim" gate --strategy fake --workload work --heap grow --pin none --set us=0 --warmup 0 --iterations 1 --pairs 6 --most-pairs 6 --quiet \
  --out beside --base-rev good >beside.out 2>&1 || code=$?
[[ " $JUDGED " == *" $code "* ]] || fail "a gate beside another one ended with $code"
kill -0 $! || fail "it ended while another one ran"
[ "$(find tmp -maxdepth 1 -name 'reclaim-gate-*' | wc -l)" -eq 3 ] || fail "a gate beside another one leaves $(ls tmp)"
rmdir tmp/reclaim-gate-AAAAAA tmp/reclaim-gate-other
kill -KILL $!
wait $! || true
[ -n "$(ls -A tmp)" ] || fail "a killed gate left nothing, so that this test shows nothing"
gate "$JUDGED" --base-rev good

# --- Builds and allocators: strategies of this build, for which the linker finds another order, too ------------------------------------------
[ -z "$(cached RECLAIM_SANITIZE)" ] || exit 0
SMALL=(--strategy rc --workload generators --set items=20 --set pipelines=2 --set passes=1 --heap grow --pin none --warmup 0 --iterations 1
  --pairs 6 --most-pairs 6 --quiet)
code=0
(cd "$(dirname "$BUILD")" && "$BUILD/reclaim" gate --base-build "./$(basename "$BUILD")" --out "$T/built" "${SMALL[@]}") >out 2>err || code=$?
[[ " $JUDGED " == *" $code "* ]] || fail "a build against itself ended with $code"
says 'control shuf' out
says 'object files linked in random order' out
code=0
"$BUILD/reclaim" gate --allocator-a pool --allocator-b libc --out "$T/allocators" "${SMALL[@]}" >out 2>err || code=$?
[[ " $JUDGED " == *" $code "* ]] || fail "an allocator against another one ended with $code"
for side in base:pool head:libc; do
  awk -F, -v side="${side%:*}" -v allocator="${side#*:}" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["side"] == side { n++; bad += $at["allocator"] != allocator || $at["status"] != "ok" } END { exit n < 6 || bad }' allocators/samples.csv ||
    fail "not each row of ${side%:*} is of ${side#*:}"
done

# A gate is no campaign to go on with.
(cd "$T" && mkdir own && cd own && "$BUILD/reclaim" gate --base-build "$BUILD" "${SMALL[@]}" >../out 2>../err) || true
[ -d own/results ] && [ ! -e own/results/latest ] || fail "a gate becomes results/latest"
code=0
"$BUILD/reclaim" run --resume own/results/* >out 2>err || code=$?
[ "$code" -eq 2 ] && says 'it is of a gate' err || fail "a gate's folder is resumed"

# What is counted is the work of the measured iteration, the same on both sides.
if command -v valgrind >/dev/null; then
  code=0
  "$BUILD/reclaim" gate --base-build "$BUILD" --instructions --json --out "$T/counted" "${SMALL[@]}" >out 2>err || code=$?
  [[ " $JUDGED " == *" $code "* ]] || fail "a gate that counts ended with $code"
  read -r base head < <(tr -d '\n' <counted/campaign.json | grep -o '"instructions": *{.*' | sed -E 's/.*"base": *([0-9]+), *"head": *([0-9]+).*/\1 \2/')
  [ "$base" -gt 1000 ] && [ "$base" -lt 10000000 ] || fail "$base instructions were counted"
  [ $((base > head ? base - head : head - base)) -le $((base / 1000)) ] || fail "of equal files, $base and $head instructions were counted"
fi
nothing_left "gates of builds and of allocators"
