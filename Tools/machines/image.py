#!/usr/bin/env python3
"""Makes a machine's kernel and first root file system in the cache, from the packages of its set.

    image.py ARCH...         arm64, ppc64le

What is there already, made from the same packages by the same scripts, is left.
"""

import hashlib
import os
import pathlib
import re
import stat
import subprocess
import sys
import tarfile

import debian
from cpio import Archive
from machine import MACHINES

HERE = pathlib.Path(__file__).parent
SOURCES = [HERE / name for name in ["image.py", "machine.py", "cpio.py", "init"]]
# What no test program asks for.
LEFT_OUT = re.compile(
    r"\./usr/share/|\./usr/lib/linux-image-|.*/gconv/|\./boot/(?!vmlinu)|\./etc/ld\.so\.conf|.*/libinproctrace\.so")
# Directories that are links into /usr, as in an installed Debian; older packages still name them.
MERGED = ["bin", "lib", "lib64", "sbin"]


def merged(name):
    """The place of a package's file in the root."""
    name = name.removeprefix("./")
    return f"usr/{name}" if name.split("/")[0] in MERGED else name


def directory(arch):
    """Where the image is; another place for each thing that it is made of, so that nobody's is changed under him."""
    parts = [repr(debian.locked(MACHINES[arch].set)).encode(), *[path.read_bytes() for path in SOURCES]]
    return debian.cache() / "machines" / f"{arch}-{hashlib.sha256(bytes(1).join(parts)).hexdigest()[:16]}"


def is_made(arch):
    return (directory(arch) / "made").exists()


def members(deb):
    """The files of a package: (tar entry, its contents)."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for entry in tar:
                if entry.isfile():
                    yield entry, tar.extractfile(entry).read()
                elif entry.issym() or entry.isdir():
                    yield entry, b""
                else:
                    debian.fail(f"{deb}: {entry.name} is neither file, directory nor symbolic link")
    if process.returncode != 0:
        debian.fail(f"dpkg-deb --fsys-tarfile {deb} ended with status {process.returncode}")


def make(arch):
    machine = MACHINES[arch]
    place = directory(arch)
    if is_made(arch):
        print(f"{arch}: the image is there")
        return
    subprocess.run([HERE / "fetch.py", machine.set], check=True)
    place.mkdir(parents=True, exist_ok=True)
    missing = set(machine.modules)
    with open(place / "initramfs", "wb") as file:
        archive = Archive(file)
        # The kernel opens it before anything is mounted.
        archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        for name in MERGED:
            archive.link(name, f"usr/{name}")
        archive.regular("init", (HERE / "init").read_bytes(), 0o755)
        archive.regular("modules/order", "".join(f"{name}\n" for name in machine.modules).encode())
        archive.regular("etc/passwd", b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        archive.regular("etc/hosts", b"127.0.0.1 localhost\n")
        archive.regular("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
        for package in debian.locked(machine.set):
            for entry, data in members(debian.cache() / "packages" / package.file):
                module = re.fullmatch(r"\./(?:usr/)?lib/modules/.*/(.*)\.ko", entry.name)
                if module and module.group(1) in missing:
                    missing.remove(module.group(1))
                    archive.regular(f"modules/{module.group(1)}.ko", data)
                elif re.fullmatch(r"\./boot/vmlinu[xz]-.*", entry.name):
                    (place / "kernel").write_bytes(data)
                elif "/lib/modules/" in entry.name or entry.isdir() or LEFT_OUT.match(entry.name):
                    pass
                elif entry.issym():
                    archive.link(merged(entry.name), entry.linkname)
                else:
                    archive.regular(merged(entry.name), data, entry.mode)
        archive.close()
    if missing:
        debian.fail(f"{arch}: the kernel's package has no module {', '.join(sorted(missing))}")
    (place / "made").touch()
    print(f"{arch}: kernel {os.path.getsize(place / 'kernel') / 1e6:.0f} MB, "
          f"root {os.path.getsize(place / 'initramfs') / 1e6:.0f} MB")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        if name not in MACHINES:
            debian.fail(f"no machine {name}: there are {', '.join(MACHINES)}")
        with debian.alone(f"machines/{name}"):
            make(name)
