#!/usr/bin/env python3
"""Fetches the packages of the named sets (all, if none is named) into the cache and checks them by hash.

    fetch.py [SET...]

Asks no host when they are all there. A package whose hash is not the listed one is a failure, and is not kept.
"""

import hashlib
import pathlib
import shutil
import sys
import tempfile

import debian
from debian import Apt, fail


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def moved_on(package, versions):
    """What to do about a version that the mirror does not have any more."""
    fail(f"{package}: {debian.MIRROR} does not have that version any more; it has {', '.join(versions) or 'none'}.\n"
         "  Run Tools/machines/lock.py, look at `git diff Tools/machines/packages.txt`, run `make machines`, and\n"
         "  commit the list. To build an old commit, set APUS_MIRROR to a snapshot of its day, such as\n"
         "  http://snapshot.debian.org/archive/debian/YYYYMMDDT000000Z")


def fetch(apt, packages, store):
    """Downloads packages of one suite, all in one run of apt."""
    records = apt.records([package.key for package in packages])
    for package in packages:
        signed = dict(records.get(package.key, []))
        if package.version not in signed:
            moved_on(package, signed)
        if signed[package.version] != package.sha256:
            fail(f"{package}: packages.txt says SHA256 {package.sha256},\n"
                 f"  but the signed list of {debian.MIRROR} says {signed[package.version]}. One version never has two "
                 "contents: do not go on before you know why.")
    with tempfile.TemporaryDirectory(dir=store) as directory:
        apt.run("apt-get", "download", "-q",
                *[f"{debian.specification(*package.key)}={package.version}" for package in packages], cwd=directory)
        for package in packages:
            version = package.version.replace(":", "%3a")
            path = pathlib.Path(directory, f"{package.name}_{version}_{package.architecture}.deb")
            if not path.exists():
                fail(f"{package}: apt said that it fetched it, but it is not there")
            if (got := sha256(path)) != package.sha256:
                fail(f"{package}: SHA256 is {got}, packages.txt says {package.sha256}")
            shutil.move(path, store / package.file)


def main():
    store = debian.cache() / "packages"
    store.mkdir(parents=True, exist_ok=True)
    wanted = debian.locked(*sys.argv[1:])
    # A package may belong to two sets.
    missing = list({p.file: p for p in wanted if not (store / p.file).exists()}.values())
    for suite in sorted({package.suite for package in missing}):
        fetch(Apt(suite), [package for package in missing if package.suite == suite], store)
    for package in wanted:
        if package not in missing and (got := sha256(store / package.file)) != package.sha256:
            (store / package.file).unlink()
            fail(f"{package}: the cached file was damaged (SHA256 {got}) and is removed; run this again")
    size = sum((store / package.file).stat().st_size for package in wanted)
    print(f"{len(wanted)} packages, {size / 1e6:.0f} MB, {len(missing)} of them fetched now")


with debian.alone("packages"):
    main()
