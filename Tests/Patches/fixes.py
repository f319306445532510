"""The security fixes in Debian's source packages, and the trees that each of them is applied to.

A patch of debian/patches/series is a security fix if its file's name or its header (what stands before the diff) names a CVE,
or if it is one of UNNAMED: fixes that Debian took before they had a number, or without one.
"""

import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from packages import PACKAGES, Package

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH = os.path.join(HERE, "..", "..", "Tools", "fetch-source.sh")
# Outside the repository, also because redis' build asks git for the state of what it lies in.
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "apus", "patches")

UNNAMED = {
    ("tiff", "tiffcrop_correctly_update_buffersize.patch"): "CVE-2023-25433",  # issue 520, the first half of that fix
    ("tiff", "TIFFClose_avoid_NULL_pointer_dereferencing.patch"): "CVE-2023-3316",  # issue 515
    ("nginx", "FIX-HTTP2bomb.patch"): "TEMP-1138794-BADE22",  # debian/changelog: remote denial of service
}


@dataclass(frozen=True)
class Fix:
    package: Package
    position: int  # in the series
    file: str  # in debian/patches
    names: tuple  # the CVEs
    source: str  # the unpacked source package, unpatched

    @property
    def path(self):
        return os.path.join(self.source, "debian", "patches", self.file)

    @property
    def name(self):
        """PACKAGE/FILE without .patch; PACKAGE-arm64 where it is built for that."""
        return f"{self.package.label}/{self.file.removesuffix('.patch')}"

    def files(self):
        """What it changes."""
        with open(self.path, encoding="utf-8", errors="replace") as file:
            found = re.findall(r"^(?:\+\+\+|---) ([^\t\n ]+)", file.read(), re.MULTILINE)
        return sorted({"/".join(f.split("/")[1:]) for f in found if f != "/dev/null"} - {""})


def version(source):
    with open(os.path.join(source, "debian", "changelog"), encoding="utf-8") as file:
        return re.match(r"\S+ \(([^)]+)\)", file.readline())[1]


def series(source):
    with open(os.path.join(source, "debian", "patches", "series"), encoding="utf-8") as file:
        lines = [line.split("#")[0].split() for line in file]
    return [line[0] for line in lines if line]


def numbers(package, source, file):
    """The CVEs that a patch is about, none if it is no security fix."""
    with open(os.path.join(source, "debian", "patches", file), encoding="utf-8", errors="replace") as opened:
        header = re.split(r"^(?:--- |diff |Index: )", opened.read(), maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"CVE-\d{4}-\d+", (file + "\n" + header).upper())
    return tuple(dict.fromkeys(found)) or tuple(filter(None, [UNNAMED.get((package, file))]))


def fetch(package, cache=CACHE):
    """The unpacked source package without its patches, as a release would be: prepared, not configured."""
    source = os.path.join(cache, "sources", package.label)
    done = source + ".prepared"
    if not os.path.exists(done):
        subprocess.run([FETCH, "--unpatched", package.name, source], check=True, stdout=subprocess.DEVNULL)
        shell(package.prepare, source, os.path.join(cache, package.label + ".prepare.log"))
        with open(done, "w", encoding="utf-8"):
            pass
    return source


def shell(command, directory, log):
    with open(log, "w", encoding="utf-8") as output:
        status = subprocess.run(["sh", "-c", command], cwd=directory, stdout=output, stderr=subprocess.STDOUT).returncode
    if status != 0:
        raise RuntimeError(f"{command!r} ended with {status}; see {log}")


def load(cache=CACHE, packages=PACKAGES):
    """Every security fix of the packages, in the series' order."""
    fixes = []
    for package in packages:
        source = fetch(package, cache)
        for position, file in enumerate(series(source)):
            names = numbers(package.name, source, file)
            if names:
                fixes.append(Fix(package, position, file, names, source))
    return fixes


def apply(tree, path):
    run = subprocess.run(
        ["patch", "-p1", "--batch", "--silent", "--no-backup-if-mismatch", "-i", path], cwd=tree, capture_output=True, text=True
    )
    if run.returncode != 0:
        raise RuntimeError(f"{path} does not apply to {tree}: {run.stdout}{run.stderr}")


def advance(tree, fix, start):
    """Applies what stands before the fix in the series, from position `start` on."""
    for file in series(fix.source)[start : fix.position]:
        apply(tree, os.path.join(fix.source, "debian", "patches", file))


def make_tree(fix, directory):
    """A fresh tree with all the patches before the fix applied."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(fix.source, directory, symlinks=True)
    advance(directory, fix, 0)
    return directory


def targets(package, tree):
    """The ELF files that the build has made in the tree, as paths in it."""
    found = []
    for pattern in package.targets:
        for path in sorted(glob.glob(os.path.join(tree, pattern))):
            with open(path, "rb") as file:
                if not os.path.islink(path) and file.read(4) == b"\x7fELF":
                    found.append(os.path.relpath(path, tree))
    return found
