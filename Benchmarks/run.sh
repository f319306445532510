#!/bin/sh
# What `make bench` runs; see run.py.
#
#   run.sh APUS [--quick]
set -eu
[ $# -ge 1 ] || { echo "usage: run.sh APUS [--quick]" >&2; exit 2; }
apus=$1
shift
exec python3 "$(dirname "$0")/run.py" --apus "$apus" "$@"
