#!/usr/bin/env bash
# The judge of experiments/anchors, on rows of known ratios: what it makes of them in the table, in targets, against rivals and in checks;
# what it leaves out; and what it refuses. No rival is built or run.
set -euo pipefail
ANCHORS=$PWD/../rivals/anchors
RECLAIM=$PWD/../reclaim
[ -x "$ANCHORS" ] || { echo "no $ANCHORS here" && exit 77; }
PLACE=$(mktemp -d)
trap 'rm -rf "$PLACE"' EXIT
cd "$PLACE"
fails=0

cat >table <<'END'
baseline base@mimalloc
reference mark-sweep
margin .15
program list 1 1
program ring 1 1 cyclic
program dict 1 1
kind hand by hand
contender base@mimalloc hand the baseline
kind ours ours
kind plain plain counts
strategy rc plain
rival good plain 1 cycles the best
rival poor plain 1 cycles the other
target rc list .80 dict .50
target mark-sweep list .5
target rc-gil list .80
check turn wall <= 1.10 rc-gil 2 / rc-gil 1 : list
check scales wall >= 1.8 rc 1 / rc 2 : list
check nowhere cpu <= 1 no-such-strategy 1 / rc 1 : list
END

# row BLOCK CONTENDER PROGRAM THREADS STATUS CPU-NS-PER-OP [WALL-NS-PER-OP [SPEEDUP]]
row() {
  local speedup=${8:-$4.0} wall=${7:-$6}
  echo "$1,0,,$2,,$3,$4,,1,1,$5,,,1000,${wall}e3,${6}e3,0,,,,1048576,x,1,$speedup,0,0,1"
}
rows() { # BLOCKS: rc is at .84 of the baseline on list (within 15 % of .80), at .70 on dict (beyond 15 % of .50)
  echo "block,order,started_at,contender,kind,program,threads,heap_limit_bytes,warmup,iterations,status,reason,version,operations,wall_ns,cpu_user_ns,cpu_system_ns,collections,collector_wall_ns,collector_cpu_ns,rss_peak_bytes,checksum,control_speed,control_speedup,steal_ns,load,seconds"
  for ((b = 0; b < $1; b++)); do
    drift=$((100 + 37 * b)) # the machine's: it falls on both sides of each pair
    row $b base@mimalloc list 1 ok $((drift * 100))
    row $b rc list 1 ok $((drift * 84)) $((drift * 84))
    row $b good list 1 ok $((drift * 120))
    row $b poor list 1 ok $((drift * 150))
    row $b base@mimalloc dict 1 ok $((drift * 100))
    row $b rc dict 1 ok $((drift * 70))
    row $b base@mimalloc ring 1 ok $((drift * 100))
    row $b rc ring 1 ok $((drift * 300))
    row $b mark-sweep list 1 wrong-checksum $((drift * 10))
    row $b rc-gil list 1 ok $((drift * (90 + 4 * (b % 2)))) $((drift * 90)) # on both sides of .92
    row $b rc-gil list 2 ok $((drift * 90)) $((drift * 94))
    row $b rc list 2 ok $((drift * 84)) $((drift * 45)) "$2"
  done
}
judge() { "$ANCHORS" --table "$PLACE/table" --reclaim "$RECLAIM" --rival /bin/false "$@" 2>errors; }

expect() { # WHAT PATTERN FILE
  grep -Eq -- "$2" "$3" && return
  echo "$1: no line like '$2' in:" && cat "$3" && fails=$((fails + 1))
}
refuse() { # WHAT PATTERN COMMAND...
  local what=$1 pattern=$2 code=0
  shift 2
  "$@" >out || code=$?
  [ "$code" = 2 ] || { echo "$what: exit $code, not 2" && fails=$((fails + 1)); }
  expect "$what" "$pattern" errors
}

mkdir six two
rows 6 2.0 >six/anchors.csv
code=0
judge six >out || code=$?
[ "$code" = 1 ] || { echo "rows that failed must show in the exit code: $code" && fails=$((fails + 1)); }
expect "a failed row is counted" '^reclaim: 6 of 72 rows failed' errors
expect "the ratio of pairs, without the drift" '^  rc +0\.84 0% +3\.00L 0% +0\.70 0%$' out
expect "the best of its kind is marked" '^  good +\*1\.20 0%' out
expect "the other is not" '^  poor +1\.50 0%' out
expect "a wrong checksum is no measurement" '^  mark-sweep +WRONG' out
expect "within the margin" 'rc, list, 1 \(target 0\.80\) .* 0\.92 +0\.84 \[0\.84, 0\.84\].* reached$' out
expect "beyond the margin" 'rc, dict, 1 \(target 0\.50\) .*\+22%  missed$' out
expect "an interval that holds the bound" 'rc-gil, list, 1 .* 0\.92 \[0\.90, 0\.94\].* near: ' out
expect "a target of what failed" 'mark-sweep, list, 1 .*wrong-checksum$' out
expect "against the best rival" 'rc / good, list, 1 .* 0\.70 .*reached$' out
expect "a bound from above, on wall time" 'turn: rc-gil 2 / rc-gil 1, list .*<= +1\.10 +1\.04 .*reached$' out
expect "a bound from below" 'scales: rc 1 / rc 2, list .*>= +1\.80 +1\.87 .*reached$' out
expect "what is not there is counted" '^[0-9]+ more claims' out
! grep -q nowhere out || { echo "a check of what is not there was printed" && fails=$((fails + 1)); }

rows 2 1.2 >two/anchors.csv
judge two >out || true
expect "a range judges nothing" 'rc, list, 1 .*near: reached$' out
expect "one core is no two" 'scales: .*the control saw too few cores$' out

refuse "a folder without rows" 'anchors\.csv' judge nowhere
refuse "a contender that is none" "there is no 'wrong'" judge --only wrong --out o
refuse "a flag that is none" "unknown flag '--wrong'" judge --wrong 1
echo "check x weight <= 1 a 1 / b 1 : list" >>table
refuse "a measure that is none" "^anchors: .*table:[0-9]+: 'weight' is no measure" judge six

[ "$fails" = 0 ] && echo "the judge of the anchors: all as expected"
exit "$((fails > 0))"
