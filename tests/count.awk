# count.awk: how many tests of one build were really executed. Reads tests/floors, tests/suites.txt ("name kind source") and
# CTest's tests.xml of a build folder; prints "PASSED FAILED SKIPPED"; whatever is not as it should be is named on stderr and
# counted as a failure. Criterion's own counts come from tests/reports/<name>.xml beside suites.txt.
#
# Variables: build (a name in the first column of floors), me (for messages).

function complain(what) {
  print me ": build-" build ": " what > "/dev/stderr"
  failed++
}

function skip(what) { print me ": build-" build ": skipped " what > "/dev/stderr" }

function attribute(line, name,    m) {
  if (!match(line, "[ \t\"]" name "=\"[^\"]*\"")) return ""
  m = substr(line, RSTART + 1, RLENGTH - 2)
  sub(/^[^"]*"/, "", m)
  return m
}

# The number of tests that a source declares; those made by macros of its own are above this floor.
function declared(source,    line, n) {
  n = 0
  while ((getline line < source) > 0)
    if (line ~ /^(Test|ParameterizedTest|Theory)\(/) n++
  close(source)
  return n
}

# Adds what a Criterion executable reported; returns false where it left no report.
function criterion(name, verdict,    report, line, head, tests, off, bad, want) {
  report = folder "/reports/" name ".xml"
  head = ""
  while ((getline line < report) > 0) {
    if (line ~ /<testsuites /) head = line
    if (line ~ /status="SKIPPED"/) skip(name "/" attribute(line, "name"))
  }
  close(report)
  tests = attribute(head, "tests")
  if (tests == "") return 0
  off = attribute(head, "disabled")
  bad = attribute(head, "failures") + attribute(head, "errors")
  if (verdict != "run" && bad == 0) bad = 1 # a crash or a leak after the verdict
  want = declared(source[name])
  # A source of mechanism tests alone declares none: it is empty where a strategy does not have the mechanism.
  if (tests + 0 == 0 && (want > 0 || kind[name] != "conformance")) complain(name " executed no test")
  else if (tests + 0 < want) complain(name " executed " tests " tests, its source declares " want)
  count(name, tests - off - bad, bad, off)
  return 1
}

function count(name, good, bad, off) {
  if (good > 0) {
    passed += good
    executed[kind[name]] += good
  }
  executed[kind[name]] += bad
  failed += bad
  skipped += off
}

# tests/floors
FILENAME == ARGV[1] && !/^[ \t]*(#|$)/ && $1 == build { floor[$2] = $3 }

# suites.txt
FILENAME == ARGV[2] {
  folder = FILENAME
  sub(/\/[^\/]*$/, "", folder)
  kind[$1] = $2
  source[$1] = $0
  sub(/^[^ ]+ [^ ]+ /, "", source[$1])
}

# tests.xml, without what a test printed (CTest escapes its angle brackets)
FILENAME == ARGV[3] && /^[ \t]*<testcase / {
  name = attribute($0, "name")
  verdict = attribute($0, "status")
  if (!(name in kind)) complain(name " is not in suites.txt")
  else if (verdict == "notrun" || verdict == "disabled") {
    skip(name)
    count(name, 0, 0, 1)
  }
  else if (kind[name] != "unit" && kind[name] != "conformance") count(name, verdict == "run", verdict != "run", 0)
  else if (!criterion(name, verdict)) {
    if (verdict == "run") complain(name " passed without a report")
    else count(name, 0, 1, 0)
  }
}

FILENAME == ARGV[3] && /^<\/testsuite>/ { finished = 1 }

END {
  if (!finished) complain("CTest did not come to its end")
  for (k in floor)
    if (executed[k] < floor[k]) complain(executed[k] + 0 " tests of the kind '" k "' were executed, the floor is " floor[k])
  print passed + 0, failed + 0, skipped + 0
}
