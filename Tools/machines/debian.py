"""Debian's packages of other architectures and releases, through an apt configuration of our own.

The system's apt never hears of them: source list, package lists and downloads all stand in the cache (see `cache`).
"""

import contextlib
import fcntl
import functools
import os
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

MIRROR = os.environ.get("APUS_MIRROR", "http://deb.debian.org/debian")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Which releases are asked for which architectures.
SUITES = {"bookworm": ["arm64", "ppc64el"], "trixie": ["amd64"], "sid": ["amd64", "arm64", "ppc64el"]}
LIST = pathlib.Path(__file__).with_name("packages.txt")


@dataclass(frozen=True)
class Package:
    """One line of packages.txt: a package that belongs to a set, and what the signed package list says of it."""

    set: str
    suite: str
    architecture: str
    name: str
    version: str
    sha256: str

    @property
    def key(self):
        return self.name, self.architecture

    def __str__(self):
        return f"{self.name} {self.version} ({self.architecture}, {self.suite})"

    @property
    def file(self):
        """The name under which the cache keeps it: what it is called by cannot be mistaken for another version."""
        return f"{self.name}_{self.architecture}_{self.sha256[:16]}.deb"


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def cache():
    """The directory that outlives the repository's copies; `make clean` leaves it alone."""
    base = os.environ.get("APUS_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "apus")
    return pathlib.Path(base)


@contextlib.contextmanager
def alone(name):
    """Holds a lock of the cache, so that two copies of the repository do not make the same thing at once."""
    path = cache() / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def locked(*sets):
    """The packages of these sets that packages.txt lists; of all sets if none is named."""
    packages = [Package(*line.split()) for line in LIST.read_text().splitlines() if line and line[0] != "#"]
    unknown = set(sets) - {package.set for package in packages}
    if unknown:
        fail(f"packages.txt has no set {', '.join(sorted(unknown))}")
    return [package for package in packages if not sets or package.set in sets]


class Apt:
    """apt-get and apt-cache with the configuration of one suite, and with nothing installed."""

    def __init__(self, suite):
        self.suite = suite
        self.directory = cache() / "apt" / suite
        for name in ["lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/parts", "state"]:
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "status").touch()
        architectures = SUITES[suite]
        (self.directory / "sources.list").write_text(
            f"deb [arch={','.join(architectures)} signed-by={KEYRING}] {MIRROR} {suite} main\n")
        settings = {
            "Dir": self.directory,
            "Dir::Etc": self.directory / "etc",
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": self.directory / "etc/parts",
            "Dir::Etc::sourcelist": self.directory / "sources.list",
            "Dir::Etc::sourceparts": self.directory / "etc/parts",
            "Dir::State": self.directory / "state",
            "Dir::State::status": self.directory / "status",
            "Dir::State::Lists": self.directory / "lists",
            "Dir::Cache": self.directory / "cache",
            "APT::Architecture": architectures[0],
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::GzipIndexes": "true",
            "Acquire::Retries": "3",
            # A mirror may stand still for longer than its lists say they are valid. What is taken from it is
            # checked against packages.txt, so that an old list can do no harm.
            "Acquire::Check-Valid-Until": "false",
            "Acquire::Check-Date": "false",
        }
        text = "".join(f'{key} "{value}";\n' for key, value in settings.items())
        text += f"APT::Architectures {{ {' '.join(json_string(a) for a in architectures)} }};\n"
        self.configuration = self.directory / "apt.conf"
        self.configuration.write_text(text)

    def run(self, *command, cwd=None, check=True):
        """Runs an apt command; its standard output. What it says on standard error is shown only if it fails."""
        environment = dict(os.environ, APT_CONFIG=str(self.configuration), LC_ALL="C.UTF-8")
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        if check and done.returncode != 0:
            fail(f"{' '.join(command)} ({self.suite}) failed with status {done.returncode}:\n{done.stderr}")
        return done.stdout

    @functools.cached_property
    def updated(self):
        """Fetches the package lists, once in a run, checking their signatures."""
        if not os.path.exists(KEYRING):
            fail(f"{KEYRING} is missing: install debian-archive-keyring")
        self.run("apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any")
        return True

    def records(self, wanted):
        """What the suite has of the wanted (name, architecture): {(name, architecture): [(version, SHA256), …]}."""
        self.updated
        shown = self.run("apt-cache", "show", *[specification(*one) for one in wanted], check=False)
        found = {}
        for record in shown.split("\n\n"):
            fields = dict(re.findall(r"^(\S+): (.*)$", record, re.M))
            if fields:
                versions = found.setdefault((fields["Package"], fields["Architecture"]), [])
                versions.append((fields["Version"], fields["SHA256"]))
        return found


def specification(name, architecture):
    """What apt calls a package; one of architecture "all" belongs to no architecture of its own."""
    return name if architecture == "all" else f"{name}:{architecture}"


def json_string(text):
    return f'"{text}"'
