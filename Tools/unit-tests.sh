#!/bin/bash
# The unit tests, without a line for each case that passes; what failed stands once more at the end.
# usage: Tools/unit-tests.sh [SWIFT TEST OPTION]...
# Suites of different modules hold processes by ptrace and load both processors: one after the other.
set -u
log=.build/unit-tests.log
${SWIFT:-swift} test -c release --skip-build --no-parallel -Xswiftc -enable-testing "$@" 2>&1 |
  tee "$log" | grep --line-buffered -vE '^(◇ |✔ Test case|✔ Test [^r])'
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
  printf '\nWhat failed (all of the output: %s):\n' "$log"
  grep -A4 '^✘' "$log" | head -n 150
fi
exit "$status"
