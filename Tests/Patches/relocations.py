#!/usr/bin/env python3
"""Links objects with `apus patch link`, GNU ld and ld.lld at the same addresses and compares the bytes, for x86_64, arm64 and ppc64le.
(ld.lld and clang are those that come with Swift.)

  relocations.py APUS [--quick] [--self-check] [--seed N] [--keep DIR] [--part NAME]... [--only TEXT]

No process runs what is linked. Its parts:
  table      each relocation type at the ends of what fits, one beyond (an error of apus, nothing written), zero, misaligned, at random
  slots      the same of those that go by the global offset table, with what the slots hold
  calls      calls as far as they reach and by veneers; ppc64le's local entries and TOC pointer; that no type is known and not tested
  refusals   what cannot be linked for other reasons
  objects    whole objects of gcc and clang at random addresses; --only: those whose source's name has this in it
Where the linkers are known to be different, relocations_ARCH.py says how, and the difference is checked too.
--self-check turns a bit of apus' output around in each comparison and wants it to be seen. One line for each failure, then "N passed,
M failed"; status 1 if any failed.
"""

import argparse
import os
import random
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor

sys.dont_write_bytecode = True
import relocations_calls as calls  # noqa: E402
import relocations_objects as objects  # noqa: E402
import relocations_refusals as refusals  # noqa: E402
import relocations_slots as slots  # noqa: E402
import relocations_table as table  # noqa: E402
from relocations_linkers import CROSS, Failure  # noqa: E402

PARTS = ("objects", "table", "slots", "calls", "refusals")


def perform(part, arch, options, directory):
    """(how many checks held, what failed, the relocation types of compilers' objects)"""
    checks, chance, met = table.Checks(), random.Random(f"{options.seed} {part} {arch}"), set()
    apus, quick, self_check = options.apus, options.quick, options.self_check
    try:
        if part == "table":
            table.check_direct(arch, directory, apus, chance, quick, self_check, checks)
        elif part == "slots":
            slots.check_slots(arch, directory, apus, chance, quick, self_check, checks)
        elif part == "calls":
            calls.check_calls(arch, table.rows_of(arch), directory, apus, chance, quick, checks)
        elif part == "refusals":
            refusals.check_refusals(arch, directory, apus, chance, checks)
        else:
            met = objects.check_objects(arch, directory, apus, chance, quick, self_check, checks, options.only)
    except Failure as failure:
        checks.that(False, f"{part} {arch}: {failure}")
    return checks.passed, checks.failures, met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apus")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--self-check", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", metavar="DIR", help="keep the files there")
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.apus = os.path.abspath(options.apus)
    with tempfile.TemporaryDirectory() as temporary, ProcessPoolExecutor(os.cpu_count()) as pool:
        directory = options.keep or temporary
        os.makedirs(directory, exist_ok=True)
        jobs = [(arch, pool.submit(perform, part, arch, options, directory)) for part in options.part or PARTS for arch in CROSS]
        passed, failed, met = 0, 0, {}
        for arch, job in jobs:
            count, failures, types = job.result()
            passed, failed = passed + count, failed + len(failures)
            met.setdefault(arch, set()).update(types)
            for failure in failures:
                print(failure, flush=True)
    for arch, types in met.items():
        if types:
            print(f"{arch}: {len({row.name for row in table.rows_of(arch)})} relocation types tested, "
                  f"of which the compilers' objects have {', '.join(sorted(types))}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(bool(failed) or not passed)


if __name__ == "__main__":
    main()
