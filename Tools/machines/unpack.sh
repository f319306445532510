#!/bin/sh
# Unpacks a set of packages into a directory of the cache, without what building does not need.
#
#   unpack.sh SET            prints the directory: a root file system, never an installed system
#
# What is there already, from the same packages by this same script, is left.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${APUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/apus}
set_name=$1
root=$cache/roots/$set_name
mkdir -p "$cache/roots"
exec 9> "$root.lock"
flock 9
made_of=$({ grep "^$set_name " "$here/packages.txt"; cat "$0"; } | sha256sum)
if [ -e "$root.stamp" ] && [ "$(cat "$root.stamp")" = "$made_of" ]; then
  echo "$root"
  exit 0
fi
"$here/fetch.py" "$set_name" >&2
rm -rf "$root" "$root.stamp"
mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/usr/sbin"
for name in bin lib lib64 sbin; do
  ln -s "usr/$name" "$root/$name"
done
# The debugger, the language server, documentation; of the arm64 compiler, all but the libraries.
left_out="--exclude=*/usr/share/doc/* --exclude=*/usr/share/man/* --exclude=*/usr/share/locale/*
  --exclude=*/bin/lldb* --exclude=*/bin/clangd --exclude=*/bin/sourcekit-lsp --exclude=*/bin/docc --exclude=*/bin/wasmkit
  --exclude=*liblldb* --exclude=*/lib/sourcekitd* --exclude=*/usr/libexec/swift/share/*"
[ "$set_name" = swift-host ] || left_out="$left_out --exclude=*/usr/libexec/swift/bin/*
  --exclude=*/usr/libexec/swift/libexec/* --exclude=*/usr/libexec/swift/lib/swift/host"
grep "^$set_name " "$here/packages.txt" | while read -r _ _ architecture name _ sha256; do
  file=$cache/packages/${name}_${architecture}_$(printf %.16s "$sha256").deb
  # shellcheck disable=SC2086 # several words; the patterns match nothing here
  (set -f; dpkg-deb --fsys-tarfile "$file" | tar -x -f - -C "$root" --keep-directory-symlink $left_out) || {
    echo "unpack.sh: $file cannot be unpacked" >&2
    exit 1
  }
done
# Where the compiler looks for the static libraries of a root that is named as its SDK.
ln -s ../libexec/swift/lib/swift_static "$root/usr/lib/swift_static"
echo "$made_of" > "$root.stamp"
echo "$root"
