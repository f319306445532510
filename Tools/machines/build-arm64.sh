#!/bin/sh
# Builds for arm64, with Debian sid's Swift.
#
#   build-arm64.sh apus         .build-arm64/apus, a static program
#   build-arm64.sh tests        .build-arm64/tests/: the unit tests that look at a machine, with the libraries that they load
#
# The compiler, and its SwiftPM, run in a root of their own and compile for a root of arm64 packages (see packages.txt).
# They have neither git nor a network: dependencies are resolved by this machine's SwiftPM, and a package description
# that names them by path stands beside the build.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$top/.build-arm64
what=${1:-apus}
# The others compile programs or emulate processors, which no machine can, or are of no machine.
suites="ApusSystem ApusTraceFile"
compiler=$("$here/unpack.sh" swift-host)
sdk=$("$here/unpack.sh" swift-arm64)

# The package, with the dependencies' own sources.
cd "$top"
${SWIFT:-swift} package resolve >&2
mkdir -p "$build/package" "$build/home"
sed -E "s|\.package\(url: \"[^\"]*/([^/\"]*)\", exact: \"[^\"]*\"\)|.package(path: \"$top/.build/checkouts/\1\")|" \
  Package.swift > "$build/Package.swift.new"
# What swift-testing 6.2 makes of #require does not say that it is unsafe.
[ "$what" = apus ] || sed -i '/treatWarning("StrictMemorySafety"/d' "$build/Package.swift.new"
{
  printf 'let suites: Set = [%s]\n' "$(printf '"%sTests", ' $suites)"
  echo 'package.targets.removeAll { $0.type == .test && !suites.contains($0.name) }'
} >> "$build/Package.swift.new"
if grep -q '\.package(url:' "$build/Package.swift.new"; then
  echo "build-arm64.sh: a dependency of Package.swift is not pinned with exact:" >&2
  exit 1
fi
# Unchanged files keep their times, so that nothing is built again.
cmp -s "$build/Package.swift.new" "$build/package/Package.swift" ||
  mv "$build/Package.swift.new" "$build/package/Package.swift"
ln -sfn "$top/Sources" "$build/package/Sources"
ln -sfn "$top/Tests" "$build/package/Tests"

# swift-testing is a shared library, so its programs are dynamic.
libraries=$sdk/usr/libexec/swift/lib
case $what in
  apus) options="--product apus" resources=$libraries/swift_static linking='"-static-executable"' ;;
  tests) options="--build-tests -Xswiftc -enable-testing -Xlinker -L$build/absent" resources=$libraries/swift linking='"-no-static-executable"' ;;
  *) echo "build-arm64.sh: there is no $what" >&2; exit 2 ;;
esac
# Tests that import Foundation name a library that Debian's package lacks, and use nothing of it.
mkdir -p "$build/absent"
printf '!<arch>\n' > "$build/absent/lib_Testing_Foundation.a"
destination=$build/destination-$what.json
cat > "$destination.new" <<JSON
{
  "version": 1,
  "sdk": "$sdk",
  "toolchain-bin-dir": "/usr/libexec/swift/bin",
  "target": "aarch64-unknown-linux-gnu",
  "dynamic-library-extension": "so",
  "extra-cc-flags": ["--sysroot", "$sdk"],
  "extra-cpp-flags": [],
  "extra-swiftc-flags": [
    "-sdk", "$sdk", "-resource-dir", "$resources", "-use-ld=lld", "-Xclang-linker", "--sysroot=$sdk", $linking
  ]
}
JSON
cmp -s "$destination.new" "$destination" || mv "$destination.new" "$destination"

# shellcheck disable=SC2086 # several words
APUS_HOME=$build/home "$here/in-root.sh" "$compiler" "$top" "$sdk" -- swift-build --package-path "$build/package" \
  --scratch-path "$build/scratch-$what" -c release --destination "$destination" --disable-sandbox $options
products=$build/scratch-$what/aarch64-unknown-linux-gnu/release
if [ "$what" = apus ]; then
  ln -sfn "$products/apus" "$build/apus"
  exit
fi

# The test program, its data, and the arm64 libraries by the names under which it loads them.
rm -rf "$build/tests"
mkdir -p "$build/tests/lib"
cp "$products/apusPackageTests.xctest" "$build/tests/unit-tests"
cp -L "$libraries"/swift/linux/*.so "$build/tests/lib/"
for name in ld-linux-aarch64.so.1 libc.so.6 libm.so.6 libgcc_s.so.1 libstdc++.so.6; do
  cp -L "$sdk/usr/lib/aarch64-linux-gnu/$name" "$build/tests/lib/"
done
