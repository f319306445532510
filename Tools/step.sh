#!/bin/sh
# Runs one step of `make test` under a heading, and says how long it took.
#
#   step.sh HEADING COMMAND ARG...
set -eu
heading=$1
shift
printf '\n==> %s\n' "$heading"
start=$(date +%s)
status=0
"$@" || status=$?
seconds=$(($(date +%s) - start))
if [ "$status" -ne 0 ]; then
  printf '==> %s: FAILED with status %d after %d s\n    %s\n' "$heading" "$status" "$seconds" "$*" >&2
  exit "$status"
fi
printf '==> %s: done in %d s\n' "$heading" "$seconds"
