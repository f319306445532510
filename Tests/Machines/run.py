#!/usr/bin/env python3
"""What runs in machines of other architectures.

  run.py APUS APUS-ARM64 [--only GLOB] [--without GLOB] [--jobs N]

APUS is this machine's, APUS-ARM64 the program for arm64. A line for each check that does not hold, then
"N passed, N failed"; status 1 if any failed. Machines that cannot be had are a failure.
"""

import argparse
import fnmatch
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
import arm64  # noqa: E402
import debugger  # noqa: E402
import exceptions  # noqa: E402
import far  # noqa: E402
import lua  # noqa: E402
import machine  # noqa: E402
import remote  # noqa: E402
import shared  # noqa: E402
from bench import Failure  # noqa: E402


def tests(options):
    """(name, function without arguments)."""
    for arch in ["arm64", "ppc64le"]:
        for test in machine.TESTS:
            yield f"{arch}_{test.__name__[5:]}", lambda arch=arch, test=test: test(arch)
        for test in remote.TESTS + far.REMOTE + debugger.REMOTE + exceptions.REMOTE:
            yield f"{arch}_{test.__name__[5:]}", lambda arch=arch, test=test: test(arch, options.apus)
    for test in arm64.TESTS + far.TESTS + lua.TESTS + shared.TESTS + debugger.TESTS:
        yield f"arm64_{test.__name__[5:]}", lambda test=test: test(options.apus, options.apus_arm64)


def attempt(test):
    """None, or what is wrong; and the seconds."""
    start = time.monotonic()
    try:
        test()
        wrong = None
    except Failure as failure:
        wrong = str(failure)
    except Exception:  # a test that cannot go on has failed; the others go on
        wrong = traceback.format_exc()
    return wrong, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("apus")
    parser.add_argument("apus_arm64")
    parser.add_argument("--only", default="*")
    parser.add_argument("--without", default="")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    chosen = [(name, test) for name, test in tests(options)
              if fnmatch.fnmatch(name, options.only) and not fnmatch.fnmatch(name, options.without)]
    failed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for (name, _), (wrong, seconds) in zip(chosen, pool.map(lambda one: attempt(one[1]), chosen)):
            print(f"{'FAIL' if wrong else 'ok  '} {name} ({seconds:.0f} s)", flush=True)
            if wrong:
                failed += 1
                print(wrong, flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    if not chosen:
        sys.exit(f"no test matches {options.only}")
    sys.exit(failed > 0)


main()
