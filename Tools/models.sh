#!/bin/sh
# Checks the model of the append protocol with spin, in all its variants; then that each mistake in it is found.
#
#   models.sh           by two processes at a time
#   models.sh 0|1       every other check
set -eu
if [ $# -eq 0 ]; then
  sh "$0" 0 &
  sh "$0" 1 && status=0 || status=$?
  wait $! && exit "$status"
  exit 1
fi
part=$1
model=$(cd "$(dirname "$0")/.." && pwd)/Tests/Models/append.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# check LEVEL KIND DEFINES...: prints spin's count of errors. KIND is safe (assertions, dead ends) or ends (the writer's end), LEVEL
# the compiler's: to compile takes longer than to search, unless there is nothing to find.
check() {
  level=$1
  kind=$2
  shift 2
  rm -f pan pan.*
  spin -a "$@" "$model" >spin.log
  if [ "$kind" = safe ]; then
    gcc "$level" -w -DSAFETY -DNOCLAIM -DVECTORSZ=2048 -o pan pan.c
    ./pan -w22 -m1000000 >pan.log
  else
    gcc "$level" -w -DNFAIR=3 -DVECTORSZ=2048 -o pan pan.c
    ./pan -a -f -w22 -m1000000 >pan.log
  fi
  if grep -q 'Search not completed\|max search depth too small' pan.log && ! grep -q 'errors: [1-9]' pan.log; then
    echo "models.sh: the search was not complete: $kind $*" >&2
    exit 1
  fi
  sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log
}

failures=0
number=0
# Whether the next check is another process's.
others() {
  number=$((number + 1))
  [ $((number % 2)) != "$part" ]
}
holds() {
  if others; then return; fi
  errors=$(check -O1 "$@")
  states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.log)
  if [ "$errors" = 0 ]; then
    echo "holds: $* ($states states)"
  else
    echo "FAILS: $*" && failures=$((failures + 1))
  fi
}
found() {
  if others; then return; fi
  errors=$(check -O0 "$@")
  if [ "$errors" = 0 ]; then
    echo "NOT FOUND: $*" && failures=$((failures + 1))
  else
    echo "found: $*"
  fi
}

# One handler comes, wherever it likes. (`ends` checks the assertions too.)
holds safe -DCALLS=2 -DHANDLED=2 -DSTART=3
holds safe -DCALLS=2 -DHANDLED=2 -DWAIT -DDEATH -DSTOPPED
holds ends -DCALLS=2 -DWAIT -DDEATH -DSTOPPED
holds ends -DCALLS=2 -DSTART=3
# Two handlers, one after the other.
holds safe -DCALLS=2 -DSIGNALS=2 -DWAIT
# Frames that are left; the stack chunk.
holds safe -DCALLS=2 -DSTART=3 -DLEAVES
holds safe -DCALLS=3 -DSIGNALS=0 -DSTACK_FIRST
holds safe -DCALLS=3 -DSIGNALS=0 -DWINDOWS
holds safe -DCALLS=2 -DSIGNALS=2 -DSTART=4 -DSTACK_FIRST
holds safe -DPLACES=3 -DCALLS=2 -DSTART=2 -DWINDOWS
holds safe -DPLACES=3 -DCALLS=2 -DSIGNALS=2 -DSTART=2 -DWINDOWS
for mistake in WRITER_PLAIN READER_PLAIN READER_EARLY READER_TURNS ROOM_TOO_MUCH FULL_IS_EMPTY TURN_KEEPS_LIMIT NO_RESTART \
  NO_RESTART_TURN; do
  found safe -DCALLS=2 -DHANDLED=2 -DSTART=3 "-D$mistake"
done
# With fewer places more is lost.
holds safe -DPLACES=3 -DCALLS=2 -DSIGNALS=2 -DSTART=2
holds safe -DPLACES=4 -DCALLS=3 -DSTART=3
for mistake in GAP_LATE GAP_UNCHECKED GAP_APART NO_RESTART_GAP LIMIT_STAYS; do
  found safe -DPLACES=4 -DCALLS=3 -DSTART=3 "-D$mistake"
done
found safe -DPLACES=3 -DCALLS=2 -DSIGNALS=2 -DSTART=2 -DOWED_APART
found safe -DPLACES=3 -DCALLS=2 -DSTART=2 -DWINDOWS -DSTACK_EARLY
found safe -DCALLS=3 -DHANDLED=2 -DNO_RESTART_MEASURE
found safe -DCALLS=3 -DSIGNALS=0 -DSTACK_FIRST -DGAP_ALONE
found safe -DCALLS=3 -DSIGNALS=0 -DWINDOWS -DSTACK_FORGOTTEN
found ends -DCALLS=3 -DWAIT -DDEATH -DNO_OWNER
found ends -DCALLS=3 -DWAIT -DSTOPPED -DNO_PATIENCE
[ "$failures" = 0 ] || { echo "models.sh: $failures checks failed" >&2; exit 1; }
