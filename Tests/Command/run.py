#!/usr/bin/env python3
"""The command as users see it, end to end, on small programs that are compiled here.

  run.py APUS [--only GLOB] [--jobs N]

A line for each check that does not hold, then "N passed, N failed"; status 1 if any failed.
"""

import argparse
import fnmatch
import os
import shutil
import signal
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
import behaviour_ends  # noqa: E402
import behaviour_gdb  # noqa: E402
import behaviour_options  # noqa: E402
import behaviour_patch  # noqa: E402
import behaviour_patch_pack  # noqa: E402
import behaviour_processes  # noqa: E402
import behaviour_registers  # noqa: E402
import behaviour_remote  # noqa: E402
import behaviour_traces  # noqa: E402
import behaviour_views  # noqa: E402
from command import Bench, Failure  # noqa: E402
from sources import SOURCES  # noqa: E402

GROUPS = [
    behaviour_ends, behaviour_options, behaviour_views, behaviour_processes, behaviour_registers, behaviour_remote,
    behaviour_traces, behaviour_gdb, behaviour_patch, behaviour_patch_pack,
]


def tests():
    """(name, function): every function of the groups whose name begins with test_."""
    for group in GROUPS:
        for name, value in vars(group).items():
            if name.startswith("test_"):
                yield name[5:], value


def attempt(bench, test):
    """None, or what is wrong."""
    try:
        test(bench)
    except Failure as failure:
        return str(failure)
    except Exception:  # a test that cannot go on has failed; the others go on
        return traceback.format_exc()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("apus")
    parser.add_argument("--only", default="*")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    # As a shell at a terminal has them: nohup and a shell's background commands ignore some, and programs inherit that.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    directory = tempfile.mkdtemp(prefix="apus-command-")
    os.chmod(directory, 0o755)
    failed = passed = 0
    try:
        bench = Bench(os.path.abspath(options.apus), directory, SOURCES)
        chosen = [(name, test) for name, test in tests() if fnmatch.fnmatch(name, options.only)]
        with ThreadPoolExecutor(options.jobs) as pool:
            outcomes = pool.map(lambda pair: attempt(bench, pair[1]), chosen)
            for (name, _), problem in zip(chosen, outcomes):
                if problem is None:
                    passed += 1
                else:
                    failed += 1
                    print(f"FAILED {name}: {problem}", flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
