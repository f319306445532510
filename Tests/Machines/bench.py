"""What the tests in machines share: running a command in one, compiling for it, and saying what did not hold."""

import pathlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass

TOP = pathlib.Path(__file__).resolve().parents[2]
RUN = TOP / "Tools/machines/run-in-machine"
# The cross compilers, without "gcc" or "g++".
COMPILERS = {"arm64": "aarch64-linux-gnu-", "ppc64le": f"{TOP}/Tools/machines/ppc64le-"}


class Failure(Exception):
    """A check that did not hold, with all there is to say about it."""


@dataclass
class Ended:
    """How a command in a machine ended, and what it left."""

    status: int
    out: bytes
    err: bytes
    files: pathlib.Path

    def explain(self):
        return f"status {self.status}\nstdout:\n{tail(self.out)}\nstderr:\n{tail(self.err)}"


def tail(data):
    return "\n".join(f"  | {line}" for line in data.decode(errors="replace").splitlines()[-60:])


def check(condition, what, ended=None):
    if not condition:
        raise Failure(what + (f"\n{ended.explain()}" if ended else ""))


def equal(got, expected, what):
    check(got == expected, f"{what}: {got!r}, expected {expected!r}")


class Job:
    """A directory of files for a machine of one architecture."""

    def __init__(self, arch):
        self.arch = arch
        self._directory = tempfile.TemporaryDirectory(prefix="apus-job-")
        self.directory = pathlib.Path(self._directory.name)
        (self.directory / "in").mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._directory.cleanup()

    def put(self, name, data):
        (self.directory / "in" / name).write_bytes(data)

    def compile(self, name, source, *options, language="c"):
        """A program for the architecture, from the text of its source."""
        compiler = f"{COMPILERS[self.arch]}{'g++' if language == 'c++' else 'gcc'}"
        command = [compiler, "-x", language, "-", "-o", str(self.directory / "in" / name), *options]
        done = subprocess.run(command, input=source, capture_output=True, text=True)
        check(done.returncode == 0, f"{' '.join(command)}: {done.stderr}")

    def command(self, command, options):
        return [sys.executable, RUN, self.arch, *options, "--out", self.directory / "out", self.directory / "in", *command]

    def run(self, *command, options=()):
        done = subprocess.run(self.command(command, options), stdin=subprocess.DEVNULL, capture_output=True)
        return Ended(done.returncode, done.stdout, done.stderr, self.directory / "out")
