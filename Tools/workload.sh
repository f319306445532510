#!/bin/sh
# Makes one of the real programs that tests, demo and benchmarks use, once; prints the executable's path.
#
#   workload.sh lua|sqlite3 [DIRECTORY]
#
# From Debian's source packages, into DIRECTORY (default: .build/workloads). Lua's string hash is seeded with a constant, not with
# addresses and the time: two runs make the same calls.
set -eu
[ $# -ge 1 ] || { echo "usage: workload.sh lua|sqlite3 [DIRECTORY]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
out=${2:-$here/../.build/workloads}
mkdir -p "$out"
out=$(cd "$out" && pwd)
flags="-O2 -g -fpatchable-function-entry=5"
case $1 in
  lua)
    [ -d "$out/lua5.4" ] || "$here/fetch-source.sh" lua5.4 "$out/lua5.4" >&2
    [ -x "$out/lua" ] && [ "$out/lua" -nt "$here/build-lua.sh" ] ||
      "$here/build-lua.sh" "$out/lua5.4" "$out/lua" cc "$flags -Dluai_makeseed(L)=1" >&2
    ;;
  sqlite3)
    [ -d "$out/sqlite" ] || "$here/fetch-source.sh" sqlite3 "$out/sqlite" >&2
    [ -x "$out/sqlite3" ] && [ "$out/sqlite3" -nt "$here/build-sqlite.sh" ] ||
      "$here/build-sqlite.sh" "$out/sqlite" "$out/sqlite3" cc "$flags" >&2
    ;;
  *)
    echo "workload.sh: no program $1" >&2
    exit 2
    ;;
esac
echo "$out/$1"
