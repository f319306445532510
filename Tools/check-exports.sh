#!/bin/sh
# Exports a trace for Perfetto and Chrome, decodes both by their published schemas and compares them with `report`.
#
#   check-exports.sh APUS TRACE [DIRECTORY]
#
# The files stay in DIRECTORY (default: nowhere). Perfetto's schema is the Python package `perfetto`, installed once into an environment
# of its own under ${XDG_CACHE_HOME:-$HOME/.cache}/apus. Exit status 3 if it cannot be fetched.
set -eu
[ $# -ge 2 ] || { echo "usage: check-exports.sh APUS TRACE [DIRECTORY]" >&2; exit 2; }
apus=$1
trace=$2
here=$(dirname "$0")
python=${XDG_CACHE_HOME:-$HOME/.cache}/apus/python
if ! "$python/bin/python" -c 'import perfetto.protos.perfetto.trace.perfetto_trace_pb2' 2>/dev/null; then
  rm -rf "$python"
  { python3 -m venv "$python" && "$python/bin/pip" install -q --disable-pip-version-check perfetto==0.59.1 protobuf==7.36.2; } >&2 || {
    rm -rf "$python"
    echo "check-exports.sh: pip cannot install perfetto and protobuf (see above)" >&2
    exit 3
  }
fi
out=${3:-}
if [ -z "$out" ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
name=$(basename "$trace" .trace)
"$apus" export "$trace" --format perfetto -o "$out/$name.perfetto-trace"
"$apus" export "$trace" --format chrome -o "$out/$name.chrome.json"
"$apus" report "$trace" --format json > "$out/$name.report.json"
"$python/bin/python" "$here/../Tests/Tools/check_exports.py" \
  "$out/$name.perfetto-trace" "$out/$name.chrome.json" "$out/$name.report.json"
