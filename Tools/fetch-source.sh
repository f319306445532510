#!/bin/sh
# Fetches a Debian source package and unpacks it into DEST.
#
#   fetch-source.sh [--unpatched] PACKAGE DEST
#
# With --unpatched, it is upstream's tree with debian/ beside it: debian/patches is not applied.
# deb-src is usually not configured, and the system's package state must stay as it is. So a private
# source list is derived at run time from the configured one (same hosts, suites, components and keys,
# type deb-src), with lists and caches of its own under ${XDG_CACHE_HOME:-$HOME/.cache}/apus. Authenticity
# is apt's: signed Release file -> checksum of Sources -> checksum of the package's files. Works as root and
# as a plain user. A second call finds everything in the cache and asks no host. DEST is replaced only
# when the unpacking has succeeded; the last line on standard output is DEST.
set -eu

die() { echo "fetch-source.sh: $*" >&2; exit 1; }

skip=
[ "${1:-}" != --unpatched ] || { skip=--skip-patches; shift; }
[ $# -eq 2 ] || die "usage: fetch-source.sh [--unpatched] PACKAGE DEST"
package=$1
dest=$2
case $package in
  '' | [!a-z0-9]* | *[!a-z0-9+.-]*) die "'$package' is no Debian package name" ;;
esac
for tool in apt-get dpkg-source awk; do
  command -v "$tool" >/dev/null || die "$tool is needed (Debian: apt, dpkg-dev)"
done

cache=${XDG_CACHE_HOME:-$HOME/.cache}/apus
state=$cache/apt
files=$cache/sources/$package
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$files"

# One private list from all configured ones, both formats. Disabled stanzas and lines stay out; only
# distributions' own (…debian…, …ubuntu…) hosts and paths are taken, so that a third party's list costs no time.
derive_list() {
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$list" ] && [ "${list##*.}" = list ] || continue
    awk '$1 == "deb" && /debian|ubuntu/ { $1 = "deb-src"; print }' "$list"
  done > "$state/sources.list"
  for list in /etc/apt/sources.list.d/*.sources; do
    [ -f "$list" ] || continue
    awk '
      function flush() {
        if (stanza != "" && uris ~ /debian|ubuntu/ && !disabled) printf "%s\n", stanza
        stanza = ""; uris = ""; disabled = 0
      }
      /^[ \t]*$/ { flush(); next }
      /^#/ { next }
      /^Types:/ { stanza = stanza "Types: deb-src\n"; next }
      /^Architectures:/ { next }
      /^URIs:/ { uris = $0 }
      /^Enabled:[ \t]*(no|false|0)/ { disabled = 1 }
      { stanza = stanza $0 "\n" }
      END { flush() }' "$list"
  done > "$state/derived.sources"
  [ -s "$state/sources.list" ] || [ -s "$state/derived.sources" ] || die "apt has no Debian source configured"
}

# apt reads one-line lists and .sources stanzas by suffix only, so both lie in a directory of parts.
private() {
  tool=$1
  shift
  "$tool" -q \
    -o Dir::Etc::SourceList=/dev/null \
    -o Dir::Etc::SourceParts="$state/parts" \
    -o Dir::State::Lists="$state/lists" \
    -o Dir::State::status=/var/lib/dpkg/status \
    -o Dir::Cache="$state/cache" \
    -o Dir::Cache::archives="$state/cache/archives" \
    -o APT::Get::List-Cleanup=0 \
    -o APT::Update::Post-Invoke::= \
    -o APT::Update::Post-Invoke-Success::= \
    -o APT::Sandbox::User= \
    -o Acquire::Languages=none \
    -o Acquire::Retries=2 \
    "$@"
}

# The newest version; where a mirror has no longer, or not yet, got its files, the next one that it lists.
download() {
  versions=$(private apt-cache showsrc --only-source "$package" | sed -n 's/^Version: //p' | sort -r -u -V)
  for version in $versions; do
    rm -f "$files"/*
    (cd "$files" && private apt-get source --download-only "$package=$version" >&2) && return
    echo "fetch-source.sh: no files of $package $version; trying an older version" >&2
  done
  return 1
}

description() { ls -t "$files"/*.dsc 2>/dev/null | head -n 1; }

if [ -z "$(description)" ]; then
  derive_list
  mkdir -p "$state/parts"
  mv -f "$state/sources.list" "$state/parts/apus.list"
  mv -f "$state/derived.sources" "$state/parts/apus.sources"
  echo "fetch-source.sh: reading package lists into $state" >&2
  private apt-get update >&2 || die "apt-get update failed (see above)"
  download || die "cannot fetch source package $package"
fi
dsc=$(description)
[ -n "$dsc" ] || die "apt-get fetched no .dsc for $package"

mkdir -p "$(dirname "$dest")"
fresh=$dest.unpack.$$
trap 'rm -rf "$fresh"' EXIT
# apt has verified the files against the signed Release file; dpkg-source verifies them against the .dsc again. Its
# own signature check would want the maintainer's key.
# shellcheck disable=SC2086 # an option or nothing
dpkg-source --no-check --no-copy $skip -x "$dsc" "$fresh" >&2 || die "cannot unpack $dsc; remove $files to fetch it again"
rm -rf "$dest"
mv "$fresh" "$dest"
echo "$dest"
