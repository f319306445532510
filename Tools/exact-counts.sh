#!/bin/sh
# The calls of every function, as apus counts them at three levels, against callgrind's count of the same binary.
#
#   exact-counts.sh APUS
#
# Lua, SQLite, a C++ program with exceptions and templates, and threaded programs (with and without exceptions; threads by the
# thousand).
set -eu
[ $# -eq 1 ] || { echo "usage: exact-counts.sh APUS" >&2; exit 2; }
apus=$1
here=$(cd "$(dirname "$0")" && pwd)
hard=$here/../Tests/HardPrograms
counts() {
  echo "-- $1"
  shift
  python3 "$hard/counts.py" "$@"
}
lua=$("$here/workload.sh" lua)
sqlite=$("$here/workload.sh" sqlite3)
counts "lua, 5000 strings" "$apus" "$lua" "$here/workloads/strings.lua" 5000
counts "sqlite3, joins and indexes" --stdin "$here/workloads/joins.sql" "$apus" "$sqlite" :memory:
built=$here/../.build/exact-counts
mkdir -p "$built"
for source in templates.cpp cxx_threads.cpp threads_thousands.c; do
  name=${source%.*}
  case $source in *.cpp) compiler="c++ -std=c++17" ;; *) compiler=cc ;; esac
  $compiler -O2 -g -fpatchable-function-entry=5 -pthread -I"$hard" "$hard/$source" -o "$built/$name"
  counts "$name" "$apus" "$built/$name"
done
