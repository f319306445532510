#!/bin/sh
# Exports of real traces, decoded by their published schemas, against `report`: Lua, and four threads with exceptions.
#
#   test-exports.sh APUS
set -eu
[ $# -eq 1 ] || { echo "usage: test-exports.sh APUS" >&2; exit 2; }
apus=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lua=$("$here/workload.sh" lua)
"$apus" record -o "$work/lua.trace" -- "$lua" "$here/workloads/strings.lua" 2000 > "$work/output"
"$here/check-exports.sh" "$apus" "$work/lua.trace"
hard=$here/../Tests/HardPrograms
c++ -O2 -g -fpatchable-function-entry=5 -pthread -I"$hard" "$hard/cxx_threads.cpp" -o "$work/threads"
"$apus" record -o "$work/threads.trace" -- "$work/threads" > "$work/output"
"$here/check-exports.sh" "$apus" "$work/threads.trace"
