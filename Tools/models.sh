#!/bin/sh
# Checks the model of the append protocol with spin, in all its variants; then that each mistake in it is found.
#
#   models.sh
set -eu
model=$(cd "$(dirname "$0")/.." && pwd)/Tests/Models/append.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# check KIND DEFINES...: prints spin's count of errors. KIND is safe (assertions, dead ends) or ends (the writer's end).
check() {
  kind=$1
  shift
  rm -f pan pan.*
  spin -a "$@" "$model" >spin.log
  if [ "$kind" = safe ]; then
    gcc -O1 -w -DSAFETY -DNOCLAIM -DVECTORSZ=2048 -o pan pan.c
    ./pan -m1000000 >pan.log
  else
    gcc -O1 -w -DNFAIR=3 -DVECTORSZ=2048 -o pan pan.c
    ./pan -a -f -m1000000 >pan.log
  fi
  if grep -q 'Search not completed\|max search depth too small' pan.log && ! grep -q 'errors: [1-9]' pan.log; then
    echo "models.sh: the search was not complete: $kind $*" >&2
    exit 1
  fi
  sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log
}

failures=0
holds() {
  errors=$(check "$@")
  states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.log)
  if [ "$errors" = 0 ]; then
    echo "holds: $* ($states states)"
  else
    echo "FAILS: $*" && failures=$((failures + 1))
  fi
}
found() {
  errors=$(check "$@")
  if [ "$errors" = 0 ]; then
    echo "NOT FOUND: $*" && failures=$((failures + 1))
  else
    echo "found: $*"
  fi
}

holds safe -DWAIT
holds safe -DCALLS=3
holds safe -DCALLS=3 -DWAIT -DDEATH
holds safe -DCALLS=3 -DWAIT -DSTOPPED
holds ends -DCALLS=3 -DWAIT
holds ends -DCALLS=3 -DWAIT -DDEATH
holds ends -DCALLS=3 -DWAIT -DSTOPPED
holds ends -DCALLS=3
for mistake in WRITER_PLAIN READER_PLAIN READER_EARLY ROOM_TOO_MUCH NO_RESTART LIMIT_STAYS; do
  found safe "-D$mistake"
done
found ends -DCALLS=3 -DWAIT -DDEATH -DNO_OWNER
found ends -DCALLS=3 -DWAIT -DSTOPPED -DNO_PATIENCE
[ "$failures" = 0 ] || { echo "models.sh: $failures checks failed" >&2; exit 1; }
