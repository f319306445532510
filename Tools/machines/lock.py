#!/usr/bin/env python3
"""Writes packages.txt anew: the versions that Debian has now, and their hashes from the signed package lists.

    lock.py          then look at `git diff`, run `make machines`, and commit the list with what it changed

To be run when fetch.py says that Debian has moved on to a newer version, or when a set shall hold more.
"""

import re

import debian
from debian import Apt, Package, fail

# What the machines run: kernel (the package that Debian's metapackage stands for), a shell, C and C++ programs.
MACHINE = ["busybox-static", "gdbserver"]
MACHINE_LIBRARIES = ["libc6", "libgcc-s1", "libstdc++6"]

# ppc64le's patchable entries are broken in bookworm's gcc 12 and right from 14 on, such as trixie's. What that
# compiles wants newer libraries than bookworm's; sid's serve every compiler (trixie's were once not on the mirror).
CROSS = ["gcc-14-powerpc64le-linux-gnu:amd64", "g++-14-powerpc64le-linux-gnu:amd64", "libc6-dev-ppc64el-cross:amd64"]

# The compiler, and what links package manifests for this machine.
HOST = ["swiftlang:amd64", "libc6-dev:amd64", "libstdc++-16-dev:amd64"]

# The C side of an arm64 program: headers, start files, static libraries; from the release that Swift was built in.
ARM64_C = ["libc6", "libc6-dev", "libgcc-s1", "libgcc-{gcc}-dev", "libstdc++6", "libstdc++-{gcc}-dev"]
# The libraries that Apus links, at the versions of this machine's release, as on x86_64.
ARM64_LIBRARIES = ["libcapstone-dev", "libzstd-dev"]

HEAD = """\
# The packages that the machines and the arm64 build are made of; written by lock.py, checked by fetch.py.
# set suite architecture name version sha256
"""


def kernel(apt, metapackage, architecture):
    """The name of the kernel package that the metapackage depends on."""
    apt.updated
    shown = apt.run("apt-cache", "depends", f"{metapackage}:{architecture}")
    found = re.search(r"Depends: (linux-image-[0-9][^:\s]*)", shown)
    return found.group(1) if found else fail(f"{metapackage} of {apt.suite} names no kernel")


def closure(apt, *names):
    """(name, architecture) of the packages and of all that they depend on, in an empty system."""
    apt.updated
    lines = apt.run("apt-get", "install", "--simulate", "-q", *names).splitlines()
    found = [re.match(r"Inst (\S+?)(?::\S+)? \(.* \[(\S+)\]\)", line) for line in lines if line.startswith("Inst ")]
    return [(match.group(1), match.group(2)) for match in found]


def pinned(set_name, apt, wanted):
    """The set of these (name, architecture), at the newest versions of the suite."""
    records = apt.records(wanted)
    packages = []
    for name, architecture in wanted:
        versions = records.get((name, architecture))
        if not versions:
            fail(f"{apt.suite} has no package {name} for {architecture}")
        packages.append(Package(set_name, apt.suite, architecture, name, *versions[0]))
    return packages


def main():
    bookworm, trixie, sid = Apt("bookworm"), Apt("trixie"), Apt("sid")
    packages = []
    for architecture, metapackage, libraries in [
            ("arm64", "linux-image-arm64", bookworm), ("ppc64el", "linux-image-powerpc64le", sid)]:
        names = [kernel(bookworm, metapackage, architecture), *MACHINE]
        packages += pinned(f"machine-{architecture}", bookworm, [(name, architecture) for name in names])
        names = [(name, architecture) for name in MACHINE_LIBRARIES]
        packages += pinned(f"machine-{architecture}", libraries, names)
    packages += pinned("cross-ppc64le", trixie, closure(trixie, *CROSS))
    host = closure(sid, *HOST)
    packages += pinned("swift-host", sid, host)
    gcc = max(int(match.group(1)) for name, _ in host if (match := re.fullmatch(r"gcc-(\d+)", name)))
    names = ["swiftlang", "libswiftlang", *[name.format(gcc=gcc) for name in ARM64_C]]
    packages += pinned("swift-arm64", sid, [(name, "arm64") for name in names] + [("linux-libc-dev", "all")])
    packages += pinned("swift-arm64", bookworm, [(name, "arm64") for name in ARM64_LIBRARIES])
    lines = [" ".join([p.set, p.suite, p.architecture, p.name, p.version, p.sha256]) for p in packages]
    debian.LIST.write_text(HEAD + "\n".join(lines) + "\n")
    print(f"{debian.LIST.name}: {len(packages)} packages")


with debian.alone("packages"):
    main()
