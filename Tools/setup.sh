#!/bin/sh
# Installs the Debian packages that building and testing Apus needs; asks no host when all are there.
#
#   setup.sh [--list]        --list only prints the names
#
# Swift, clang and lld come with the Swift toolchain, which is not a Debian package here.
set -eu

build="libcapstone-dev libzstd-dev pkg-config gcc g++ libc6-dev binutils make"
tests="python3 python3-venv valgrind spin hyperfine uftrace dpkg-dev tcl xz-utils ca-certificates libunwind8"
# For the tests of code for other architectures: cross compilers, assemblers, C libraries, and the user-mode emulator.
tests="$tests gcc-aarch64-linux-gnu binutils-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
tests="$tests binutils-powerpc64le-linux-gnu gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross"
# For machines of other architectures (Tools/machines): their emulators, C++ programs in them, and what checks packages.
tests="$tests qemu-system-arm qemu-system-ppc qemu-system-data g++-aarch64-linux-gnu g++-powerpc64le-linux-gnu"
tests="$tests debian-archive-keyring util-linux"
# For the tests of GDB's remote protocol.
tests="$tests gdbserver"
# For backtraces through recorded frames, of this machine's programs and of others'.
tests="$tests gdb gdb-multiarch"
# For patches of real programs (Tests/Patches): what building redis, nginx, tiff and lua5.4 takes.
tests="$tests patch autoconf automake libtool libtool-bin libpcre2-dev zlib1g-dev libssl-dev libreadline-dev"
# LLVM's unwinder: any version will do, and each excludes the others.
[ -e /usr/lib/x86_64-linux-gnu/libunwind.so.1 ] || tests="$tests libunwind-19"

[ "${1:-}" = --list ] && { echo $build $tests; exit 0; }
command -v swift >/dev/null || {
  echo "setup.sh: no swift in PATH; Apus needs Swift 6.2 or later: https://www.swift.org/install/linux" >&2
  exit 1
}
command -v dpkg-query >/dev/null || {
  echo "setup.sh: this is no Debian system; install what these packages hold by hand: $build $tests" >&2
  exit 1
}
missing=
for package in $build $tests; do
  case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
    installed) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || { echo "all packages are installed"; exit 0; }
echo "to install:$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
  as_root=sudo
  command -v sudo >/dev/null || {
    echo "setup.sh: not root, and there is no sudo; as root run: apt-get install$missing" >&2
    exit 1
  }
fi
# shellcheck disable=SC2086 # several words
install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; }
# The lists may be fresh enough; if they are not, they are fetched.
install || { $as_root apt-get update -q && install; }
