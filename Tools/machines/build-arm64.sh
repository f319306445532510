#!/bin/sh
# Builds the product apus for arm64, static, as .build-arm64/apus; other products and options as swift-build takes them.
#
#   build-arm64.sh [SWIFT-BUILD-OPTION...]       for instance --product apus -v
#
# The compiler is Debian sid's, in a root of its own, and so is its SwiftPM; it compiles for a root of arm64 packages
# (see packages.txt). It has neither git nor a network: dependencies are resolved by this machine's SwiftPM, and a
# package description that names them by path stands beside the build.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$top/.build-arm64
[ $# -gt 0 ] || set -- --product apus
compiler=$("$here/unpack.sh" swift-host)
sdk=$("$here/unpack.sh" swift-arm64)

# The package, with the dependencies' own sources.
cd "$top"
${SWIFT:-swift} package resolve >&2
mkdir -p "$build/package" "$build/home"
sed -E "s|\.package\(url: \"[^\"]*/([^/\"]*)\", exact: \"[^\"]*\"\)|.package(path: \"$top/.build/checkouts/\1\")|" \
  Package.swift > "$build/Package.swift.new"
if grep -q '\.package(url:' "$build/Package.swift.new"; then
  echo "build-arm64.sh: a dependency of Package.swift is not pinned with exact:" >&2
  exit 1
fi
# Unchanged files keep their times, so that nothing is built again.
cmp -s "$build/Package.swift.new" "$build/package/Package.swift" ||
  mv "$build/Package.swift.new" "$build/package/Package.swift"
ln -sfn "$top/Sources" "$build/package/Sources"
ln -sfn "$top/Tests" "$build/package/Tests"

static=$sdk/usr/libexec/swift/lib/swift_static
cat > "$build/destination.json.new" <<JSON
{
  "version": 1,
  "sdk": "$sdk",
  "toolchain-bin-dir": "/usr/libexec/swift/bin",
  "target": "aarch64-unknown-linux-gnu",
  "dynamic-library-extension": "so",
  "extra-cc-flags": ["--sysroot", "$sdk"],
  "extra-cpp-flags": [],
  "extra-swiftc-flags": [
    "-sdk", "$sdk", "-resource-dir", "$static", "-use-ld=lld", "-Xclang-linker", "--sysroot=$sdk", "-static-executable"
  ]
}
JSON
cmp -s "$build/destination.json.new" "$build/destination.json" ||
  mv "$build/destination.json.new" "$build/destination.json"

APUS_HOME=$build/home "$here/in-root.sh" "$compiler" "$top" "$sdk" -- swift-build --package-path "$build/package" \
  --scratch-path "$build/scratch" -c release --destination "$build/destination.json" --disable-sandbox "$@"
product=$build/scratch/aarch64-unknown-linux-gnu/release/apus
[ ! -e "$product" ] || ln -sfn "$product" "$build/apus"
