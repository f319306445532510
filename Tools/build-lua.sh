#!/bin/sh
# Builds the Lua interpreter with call sites from Debian's unpacked lua5.4 source package.
#
#   build-lua.sh SRC OUT [CC] [FLAGS] [NOTES]
#
# OUT is the executable. CC defaults to cc, FLAGS to -O2 -g -fpatchable-function-entry=5; what makes the program
# behave (dlopen, exported symbols, compatibility) is fixed here, so FLAGS say only how it is compiled. Where FLAGS ask for gcov's
# counters, its notes go to the directory NOTES.
set -eu
[ $# -ge 2 ] || { echo "usage: build-lua.sh SRC OUT [CC] [FLAGS] [NOTES]" >&2; exit 2; }
src=$1
out=$2
cc=${3:-cc}
flags=${4:--O2 -g -fpatchable-function-entry=5}
[ -f "$src/src/lua.c" ] || { echo "build-lua.sh: $src holds no src/lua.c" >&2; exit 1; }
mkdir -p "$(dirname "$out")"
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
# Debian's luaconf.h wants a header that its packaging makes.
machine=$($cc -dumpmachine)
echo "#define DEB_HOST_MULTIARCH \"$machine\"" > "$objects/lua5.4-deb-multiarch.h"
compile="$cc $flags -std=gnu99 -DLUA_COMPAT_5_3 -DLUA_USE_LINUX -I$objects -I$src/src -c"
for file in "$src"/src/*.c; do
  case $file in */luac.c) ;; *) printf '%s\0' "$file" ;; esac
done | COMPILE=$compile OBJECTS=$objects xargs -0 -n 1 -P "$(nproc)" \
  sh -c 'exec $COMPILE "$1" -o "$OBJECTS/$(basename "$1").o"' sh
# shellcheck disable=SC2086 # FLAGS are several words
$cc $flags -Wl,-E -o "$out.new" "$objects"/*.o -lm -ldl
[ $# -lt 5 ] || cp "$objects"/*.gcno "$5"
mv "$out.new" "$out"
