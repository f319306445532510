#!/bin/sh
# Records Debian's Lua while it sorts and formats 200,000 strings, and shows what came of it.
#
#   demo.sh [APUS] [OUTPUT DIRECTORY]        default: .build/release/apus, demo-out
set -eu
here=$(cd "$(dirname "$0")" && pwd)
apus=${1:-$here/../.build/release/apus}
out=${2:-$here/../demo-out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
[ -x "$apus" ] || { echo "demo.sh: no $apus; run make build" >&2; exit 1; }
apus=$(cd "$(dirname "$apus")" && pwd)/$(basename "$apus")

say() { printf '\n==> %s\n' "$*"; }
# Shows a command and runs it.
run() { printf '$ %s\n' "$*"; "$@"; }

say "Lua, from Debian's source package, with call sites (-fpatchable-function-entry=5)"
lua=$("$here/workload.sh" lua)
cd "$out"
ln -sf "$lua" lua
ln -sf "$here/workloads/strings.lua" strings.lua
PATH=$(dirname "$apus"):$PATH
echo "$lua"

say "Every call and return, with times"
run apus record -o lua.trace -- ./lua strings.lua

say "What was called, and what it took"
run apus report lua.trace --limit 15

say "The hottest call paths (nanoseconds of their own; the innermost four functions of each)"
apus export lua.trace --format collapsed -o lua.collapsed
sort -k2 -nr -t' ' lua.collapsed | head -n 10 | awk '
  { time = $NF; sub(/ [0-9]+$/, ""); n = split($0, names, ";"); text = ""
    for (i = (n > 4 ? n - 3 : 1); i <= n; i++) text = text (text == "" ? "" : " > ") names[i]
    printf "%12d  %s%s\n", time, (n > 4 ? "... > " : ""), text }'

say "A flame graph"
run apus export lua.trace --format flamegraph -o flamegraph.svg

say "A time line of the script's library calls, for ui.perfetto.dev and chrome://tracing"
run apus record -o library.trace -f main -f 'str_*' -f sort -f auxsort -- ./lua strings.lua
status=0
"$here/check-exports.sh" "$apus" library.trace . || status=$?
case $status in
  0)
    mv library.perfetto-trace lua.perfetto-trace
    mv library.chrome.json lua.chrome.json
    rm -f library.report.json
    echo "both files decode by their published schemas; calls and times equal the report's"
    ;;
  3)
    echo "warning: not checked against the published schemas: the Python package perfetto cannot be fetched" >&2
    run apus export library.trace --format perfetto -o lua.perfetto-trace
    run apus export library.trace --format chrome -o lua.chrome.json
    ;;
  *)
    echo "demo.sh: the exports do not equal the report" >&2
    exit 1
    ;;
esac

say "In $out"
ls -l flamegraph.svg lua.perfetto-trace lua.chrome.json lua.collapsed lua.trace library.trace | awk '{ printf "%12d  %s\n", $5, $9 }'
