"""Modules that no branch reaches from one to another, in the machines: the hard programs of that name (Tests/HardPrograms/far_*)."""

import collections
import json
import re
import subprocess
import sys

import remote
from bench import TOP, Job, check, equal, tail

SOURCES = TOP / "Tests/HardPrograms"
PROGRAMS = 3  # far_modules, far_refused and far_sections
LEVELS = ["count", "graph", "graph-regs"]


def test_far_modules(apus, apus_arm64):
    """Every call counted, plain and with registers; what cannot be reached is refused, and counted."""
    command = [sys.executable, SOURCES / "machine.py", apus, "--arm64", apus_arm64, "--only", "far_*", "--first",
               "--levels", ",".join(LEVELS)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    last = done.stdout.decode().splitlines()[-1:]
    check(done.returncode == 0 and last == [f"{PROGRAMS * len(LEVELS)} passed, 0 failed, 0 not for arm64"],
          f"hard programs:\n{tail(done.stdout)}\n{tail(done.stderr)}")


def compile_far_modules(job):
    """far_modules.c and its libraries, as its directives say; the calls that they state."""
    text = (SOURCES / "far_modules.c").read_text()
    common = ["-fpatchable-function-entry=2", "-I", str(SOURCES)]
    for name, options in re.findall(r"^// library: (\S+) gcc (.*)", text, re.M):
        job.compile(name, text, *common, *options.split())
    options = re.search(r"^// build: gcc (.*)", text, re.M).group(1).replace("$OUT", str(job.directory / "in"))
    words = options.split()
    # Libraries are named behind the source, which job.compile puts first.
    job.compile("far_modules", text, *common, *words, "-Wl,-rpath,$ORIGIN")
    stated = re.search(r"^// calls: (.*)", text, re.M).group(1)
    return {name: int(count) for name, count in (word.split("=") for word in stated.split())}


def test_remote_far_modules(arch, apus):
    """The same by the remote protocol, in the emulator and in the machine: each library has trampolines in its branches' reach."""
    with Job(arch) as job:
        expected = compile_far_modules(job)
        where = job.directory / "in"
        plain = remote.run([remote.QEMU[arch], "-L", remote.sysroot(arch), "./far_modules"], cwd=where)
        for level in ["count", "graph"]:
            for done, printed in [
                remote.in_emulator(apus, arch, job.directory, where, ["./far_modules"], "--level", level),
                remote.in_machine(apus, job, "./far_modules", "--level", level),
            ]:
                what = f"{level}: {tail(done.stderr)}"
                check(done.returncode == 0 and b"not recorded" not in done.stderr, f"apus record: {done.returncode}\n{what}")
                equal(printed, plain, f"what the program printed: {what}")
                calls = collections.Counter()
                for row in json.loads(remote.run([apus, "report", "--format", "json", job.directory / "trace"])):
                    calls[row["name"]] += row["calls"]
                equal({name: calls[name] for name in expected}, expected, f"calls: {what}")


TESTS = [test_far_modules]
REMOTE = [test_remote_far_modules]
