#!/bin/sh
# Builds SQLite's shell with call sites from Debian's unpacked sqlite3 source package.
#
#   build-sqlite.sh SRC OUT [CC] [FLAGS]
#
# OUT is the executable; beside it, OUT.amalgamation keeps sqlite3.c and shell.c, which are made once by the package's
# own configure and make (they need tclsh). CC defaults to cc, FLAGS to -O2 -g -fpatchable-function-entry=5.
set -eu
[ $# -ge 2 ] || { echo "usage: build-sqlite.sh SRC OUT [CC] [FLAGS]" >&2; exit 2; }
src=$(cd "$1" && pwd)
out=$2
cc=${3:-cc}
flags=${4:--O2 -g -fpatchable-function-entry=5}
command -v tclsh >/dev/null || { echo "build-sqlite.sh: tclsh is needed (Debian: tcl)" >&2; exit 1; }
[ -x "$src/configure" ] || { echo "build-sqlite.sh: $src holds no configure" >&2; exit 1; }
mkdir -p "$(dirname "$out")"
code=$out.amalgamation
if [ ! -f "$code/shell.c" ] || [ ! -f "$code/sqlite3.c" ]; then
  rm -rf "$code.new"
  mkdir -p "$code.new/build"
  (cd "$code.new/build" && "$src/configure" --disable-tcl --disable-readline && make sqlite3.c shell.c) \
    > "$code.new/log" 2>&1 || { tail -n 20 "$code.new/log" >&2; exit 1; }
  for file in sqlite3.c sqlite3.h sqlite3ext.h shell.c; do
    [ ! -f "$code.new/build/$file" ] || mv "$code.new/build/$file" "$code.new/"
  done
  rm -rf "$code" "$code.new/build"
  mv "$code.new" "$code"
fi
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
# No load-time randomness: temporary tables in memory, no background threads, one behaviour for every build.
options="-DSQLITE_THREADSAFE=1 -DSQLITE_TEMP_STORE=3 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE \
-DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_OMIT_LOAD_EXTENSION -DHAVE_READLINE=0 -I$code"
# shellcheck disable=SC2086 # several words each
{
  $cc $flags $options -c "$code/sqlite3.c" -o "$objects/sqlite3.o" &
  library=$!
  $cc $flags $options -c "$code/shell.c" -o "$objects/shell.o"
  wait "$library"
  $cc $flags -o "$out.new" "$objects/shell.o" "$objects/sqlite3.o" -lm -lpthread
}
mv "$out.new" "$out"
