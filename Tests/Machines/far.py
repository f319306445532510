"""Modules that no branch reaches from one to another, in the machines: the hard programs of that name (Tests/HardPrograms/far_*)."""

import subprocess
import sys

from bench import TOP, check, tail

PROGRAMS = 3  # far_modules, far_refused and far_sections
LEVELS = ["count", "graph", "graph-regs"]


def test_far_modules(apus, apus_arm64):
    """Every call counted, plain and with registers; what cannot be reached is refused, and counted."""
    command = [sys.executable, TOP / "Tests/HardPrograms/machine.py", apus, "--arm64", apus_arm64, "--only", "far_*", "--first",
               "--levels", ",".join(LEVELS)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    last = done.stdout.decode().splitlines()[-1:]
    check(done.returncode == 0 and last == [f"{PROGRAMS * len(LEVELS)} passed, 0 failed, 0 not for arm64"],
          f"hard programs:\n{tail(done.stdout)}\n{tail(done.stderr)}")


TESTS = [test_far_modules]
