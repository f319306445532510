#!/bin/sh
# Runs a command with another root file system: in mount points of its own, which end with it. Needs root, or a kernel
# that gives users namespaces.
#
#   in-root.sh ROOT [DIRECTORY...] -- COMMAND [ARG...]
#
# /proc, /dev, /tmp and the named directories are this machine's, at the same paths; the command starts in the directory where we
# stand, if it is one of these, else in /.
set -eu

[ "${1:-}" != --entered ] || {
  shift
  root=$1
  shift
  mkdir -p "$root/proc" "$root/dev" "$root/tmp"
  mount --rbind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind /tmp "$root/tmp"
  while [ "$1" != -- ]; do
    [ "$1" != / ] || { echo "in-root.sh: / cannot be a directory in another root" >&2; exit 2; }
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    shift
  done
  shift
  [ $# -gt 0 ] || { echo "in-root.sh: no command" >&2; exit 2; }
  exec python3 -c '
import os, sys
here = os.getcwd()
os.chroot(sys.argv[1])
try:
    os.chdir(here)
except FileNotFoundError:
    os.chdir("/")
os.execvpe(sys.argv[2], sys.argv[2:], {
    "PATH": "/usr/libexec/swift/bin:/usr/bin:/bin", "HOME": os.environ.get("APUS_HOME", "/tmp"), "LC_ALL": "C.UTF-8",
    "SWIFT_BACKTRACE": "enable=no"})' "$root" "$@"
}
as_root=
[ "$(id -u)" = 0 ] || as_root="--user --map-root-user"
# shellcheck disable=SC2086 # two words or none
exec unshare --mount $as_root "$0" --entered "$@"
