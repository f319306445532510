#!/usr/bin/env python3
"""Builds each security fix's tree before and after, and writes which functions changed, by the oracle: cve-expected.txt.

  expect.py [--only GLOB] [--output FILE] [--reasons DIR]

Without --only the whole table is written anew; with it, its lines are replaced. --reasons keeps the oracle's full reports
(JSON), with the reason for every function. About ten minutes for all.
"""

import argparse
import fnmatch
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
import builds  # noqa: E402
import fixes  # noqa: E402

TABLE = os.path.join(fixes.HERE, "cve-expected.txt")
HEADER = """\
# Which functions each security fix changes in the objects of the builds in packages.py, by oracle.py; written by expect.py.
# Tab-separated: package, patch, numbers, changed functions (by the whole function's name where a piece changed), what else.
"""


def compiler(name):
    return subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def notes(report):
    """What a patch holds beside changed functions, in a few words."""
    words = []
    for kind in ("added", "removed"):
        if report[kind]:
            words.append(f"functions {kind}: {' '.join(report[kind])}")
    for kind in ("added", "removed", "changed"):
        names = sorted({n for one in report["objects"] for n in one["data"].get(kind, [])})
        if names:
            words.append(f"data {kind}: {' '.join(names)}")
    names = sorted({n for one in report["objects"] for n in one["layouts"]})
    if names:
        words.append(f"layouts changed: {' '.join(names)}")
    return "; ".join(words)


def line(fix, report):
    changed = " ".join(report["changed"]) or "-"
    return "\t".join([fix.package.label, fix.file.removesuffix(".patch"), " ".join(fix.names), changed, notes(report)]).rstrip()


def read_table(path=TABLE):
    """{PACKAGE/PATCH: its line}, and what the head says of versions: {name: version}."""
    lines, versions = {}, {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for text in file.read().splitlines():
                if text.startswith("# with "):
                    name, _, version = text[len("# with ") :].partition(": ")
                    versions[name] = version
                elif not text.startswith("#"):
                    lines["/".join(text.split("\t")[:2])] = text
    return lines, versions


def current_versions(chosen):
    versions = {name: compiler(name) for name in ("gcc", "aarch64-linux-gnu-gcc")}
    for fix in chosen:
        versions[fix.package.name] = fixes.version(fix.source)
    return versions


def write_table(path, every, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEADER)
        for name, version in current_versions(every).items():
            file.write(f"# with {name}: {version}\n")
        for fix in every:
            if fix.name in lines:
                file.write(lines[fix.name] + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="*", metavar="GLOB", help="PACKAGE/PATCH names")
    parser.add_argument("--output", default=TABLE, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--reasons", metavar="DIR", help="keep the oracle's reports there")
    parser.add_argument("--cache", default=fixes.CACHE, help="where sources are unpacked and built (default: %(default)s)")
    options = parser.parse_args()
    every = fixes.load(options.cache)
    lines = read_table(options.output)[0] if options.only != "*" else {}
    for package in fixes.PACKAGES:
        chosen = [f for f in every if f.package == package and fnmatch.fnmatch(f.name, options.only)]
        for fix, report in builds.expected(package, chosen, options.cache, lambda text: print(text, flush=True)):
            lines[fix.name] = line(fix, report)
            if options.reasons:
                path = os.path.join(options.reasons, fix.name + ".json")
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(report, file, indent=1)
            write_table(options.output, every, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
