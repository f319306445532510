#!/bin/sh
# Writes the manual pages, by the argument parser's own plugin.
#
#   manual.sh DIRECTORY
#
# The plugin builds its tool and the command; its output is one page for the command and one for each subcommand.
set -eu
[ $# -eq 1 ] || { echo "usage: manual.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
swift package -c release --allow-writing-to-package-directory generate-manual --multi-page --section 1
cp .build/plugins/GenerateManual/outputs/ApusCommand/*.1 "$out"/
