#!/usr/bin/env python3
"""Debian's own security fixes as patch objects: builds one from each with `apus patch build`, and compares with the oracle.

  cve.py APUS [--only GLOB] [--machine arm64] [--jobs N] [--keep DIR] [--limit SECONDS]
  cve.py --list [--only GLOB]        the fixes, what they change, and how many there are; without apus
  cve.py --builds [--only GLOB]      how long the two builds themselves take, before and after each fix; without apus

The CVE patches of bookworm's redis, nginx, tiff and lua5.4 source packages (fixes.py), each against the tree with all the
patches before it applied, built as packages.py says; with --machine arm64, tiff and lua5.4 cross-compiled. For each a line:
built, or refused and why; the functions replaced; seconds, and how many times the two builds' own. What is replaced must be
exactly what cve-expected.txt says (oracle.py, by disassembly; written by expect.py). A refusal is right where that table says
why, after the functions: data with other initial values, structures with another layout. Status 1 if a set differs, if a
refusal is not right, if a patch object fails its check against the unpatched binaries, or if fewer than 90 % are built.
"""

import argparse
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

sys.dont_write_bytecode = True
import builds  # noqa: E402
import expect  # noqa: E402
import fixes  # noqa: E402
import oracle  # noqa: E402
from packages import MACHINES  # noqa: E402

SOURCES = (".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".S", ".s", ".inc", ".def")


@dataclass
class Result:
    fix: fixes.Fix
    state: str  # built, refused, nothing to patch, failed
    functions: tuple = ()
    seconds: float = 0
    own: float = 0  # the two builds themselves
    said: str = ""
    notes: str = ""  # what the table says beside functions
    problems: list = field(default_factory=list)


def first_error(text):
    """The line that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no message")


def run(command, limit):
    """(status, standard output, standard error, seconds); status None if the time was over."""
    start = time.monotonic()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=limit, env=builds.environment()
        )
    except subprocess.TimeoutExpired as error:
        said = error.stderr.decode(errors="replace") if error.stderr else ""
        return None, "", said + f"error: not done in {limit} s", limit
    return done.returncode, done.stdout, done.stderr, time.monotonic() - start


def build_patch(apus, tree, fix, binaries, output, limit):
    """Runs `apus patch build`: (status, what it said, seconds)."""
    command = [apus, "patch", "build", "--source", tree, "--diff", fix.path]
    for binary in binaries:
        command += ["--target", binary]
    command += ["-o", output, "--", *fix.package.command]
    status, _, errors, seconds = run(command, limit)
    return status, errors, seconds


def inspect(apus, path):
    """The names of the functions that a patch object replaces, and of those that it adds, by `apus patch inspect`."""
    status, output, errors, _ = run([apus, "patch", "inspect", path, "--format", "json"], 60)
    if status != 0:
        raise RuntimeError(f"apus patch inspect: {first_error(errors)}")
    patch = json.loads(output)
    return sorted({oracle.whole(oracle.plain(f["name"])) for f in patch["functions"]})


def check(apus, path, binaries):
    """What `apus patch check` has against the patch object, by the unpatched binaries; None if nothing."""
    status, output, errors, _ = run([apus, "patch", "check", path, *binaries], 60)
    return None if status == 0 else f"apus patch check: {first_error(errors or output)}"


def expected_functions(fix, table):
    """The functions that change, by the oracle."""
    if fix.name not in table:
        raise RuntimeError(f"{fix.name} is not in {expect.TABLE}; run expect.py")
    names = table[fix.name].split("\t")[3]
    return set() if names == "-" else set(names.split(" "))


def notes(fix, table):
    """What else the fix changes, by the oracle: functions and data added, removed; data and layouts changed."""
    return "".join(table[fix.name].split("\t")[4:])


def unsafe(text):
    """Whether the notes hold a reason to refuse: what exists already would have to change."""
    return any(word in text for word in ("data changed", "layouts changed"))


def compiles(fix):
    """Whether it changes a file that a compiler may read."""
    return any(f.endswith(SOURCES) and not f.startswith(("tests/", "test/", "doc/", "debian/")) for f in fix.files())


def differences(wanted, found):
    lines = []
    if wanted - found:
        lines.append(f"misses {' '.join(sorted(wanted - found))}")
    if found - wanted:
        lines.append(f"holds unchanged {' '.join(sorted(found - wanted))}")
    return lines


class Runner:
    """What all the fixes of a run share."""

    def __init__(self, options, table):
        self.options = options
        self.table = table
        self.whole = {}  # seconds of each package's build from nothing
        self.printing = threading.Lock()

    def say(self, text):
        with self.printing:
            print(text, flush=True)

    def package(self, package, chosen):
        """The results for one package's fixes, one after the other: the unpatched binaries come out of one tree."""
        directory = os.path.join(self.options.cache, "plain", package.label)
        space = builds.Workspace(package, directory, builds.environment())
        results = []
        for fix in chosen:
            try:
                result = self.fix(fix, space)
            except (RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
                result = Result(fix, "failed", problems=[f"{type(error).__name__}: {error}"])
            results.append(result)
            self.say(row(result))
        return results

    def fix(self, fix, space):
        wanted = expected_functions(fix, self.table)
        if not compiles(fix):
            return Result(fix, "nothing to patch")
        tree = fixes.make_tree(fix, os.path.join(self.options.cache, "trees", fix.name))
        keep = os.path.join(self.options.keep, fix.name)
        shutil.rmtree(keep, ignore_errors=True)
        binaries, own = self.own_builds(fix, space, keep)
        output = os.path.join(keep, "patch.apatch")
        status, said, seconds = build_patch(self.options.apus, tree, fix, binaries, output, self.options.limit)
        with open(os.path.join(keep, "build.log"), "w", encoding="utf-8") as file:
            file.write(said)
        shutil.rmtree(tree)
        if status != 0 and not wanted:
            return Result(fix, "nothing to patch", (), seconds, own, first_error(said))
        also = notes(fix, self.table)
        if status != 0:
            problems = [] if unsafe(also) else ["the oracle knows no reason to refuse it"]
            return Result(fix, "refused", (), seconds, own, first_error(said), also, problems)
        found = inspect(self.options.apus, output)
        problems = differences(wanted, set(found))
        refusal = check(self.options.apus, output, binaries)
        problems += [refusal] if refusal else []
        return Result(fix, "built", tuple(found), seconds, own, notes=also, problems=problems)

    def own_builds(self, fix, space, keep):
        """Copies of the unpatched binaries, and the seconds of the two builds: the package's from nothing, and with the fix."""
        fresh = space.applied is None
        first = space.before(fix)
        binaries = []
        for name in fixes.targets(fix.package, space.directory):
            copy = os.path.join(keep, "unpatched", name)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(os.path.join(space.directory, name), copy)
            binaries.append(copy)
        second = space.after(fix)
        if fresh:  # later ones only compile what differs
            self.whole[fix.package.label] = first
        return binaries, self.whole[fix.package.label] + second


def row(result):
    name = result.fix.name if len(result.fix.name) <= 64 else result.fix.name[:61] + "..."
    text = f"{'FAIL' if result.problems else 'ok  '} {name:64} {result.state:16}"
    if result.state == "built":
        text += f" {len(result.functions):3} functions"
    if result.seconds:
        text += f" {result.seconds:7.1f} s, {result.seconds / result.own:4.2f} x the builds" if result.own else ""
    details = [result.said] if result.said else []
    if result.functions:
        details.append("replaces " + " ".join(result.functions))
    if result.notes:
        details.append("the oracle: " + result.notes)
    return "\n     ".join([text, *details, *result.problems])


def list_fixes(chosen):
    for fix in chosen:
        print(f"{fix.name}: {' '.join(fix.names)}: {' '.join(fix.files())}")
    named = [f for f in chosen if (f.package.name, f.file) not in fixes.UNNAMED]
    counts = ", ".join(
        f"{p.label} {fixes.version(fixes.fetch(p))}: {n}"
        for p in dict.fromkeys(f.package for f in chosen)
        if (n := sum(1 for f in chosen if f.package == p))
    )
    print(f"{len(chosen)} fixes: {len(named)} whose file or header names a CVE, {len(chosen) - len(named)} others ({counts})")


def time_builds(chosen, cache):
    """The seconds of the two builds of each, the first one from nothing."""
    for fix in chosen:
        space = builds.Workspace(fix.package, os.path.join(cache, "timed", fix.package.label), builds.environment())
        first = space.before(fix)
        second = space.after(fix)
        print(f"{fix.name}: {first:.1f} s whole, {second:.1f} s with the fix, {first + second:.1f} s together", flush=True)


def summarize(results):
    count = {}
    for result in results:
        count[result.state] = count.get(result.state, 0) + 1
    tried = len(results) - count.get("nothing to patch", 0)
    built = count.get("built", 0)
    wrong = sum(1 for r in results if r.problems)
    share = 100 * built / tried if tried else 100
    print(", ".join(f"{n} {state}" for state, n in sorted(count.items())) + f"; {share:.0f} % built, {wrong} wrong")
    return 1 if wrong or share < 90 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus", nargs="?", help="the apus executable")
    parser.add_argument("--list", action="store_true", help="only list the fixes")
    parser.add_argument("--builds", action="store_true", help="only measure the builds themselves")
    parser.add_argument("--only", default="*", metavar="GLOB", help="PACKAGE/PATCH names, or a CVE")
    parser.add_argument("--machine", choices=MACHINES, default=MACHINES[0], help="what to build for (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="packages at a time (default 1); each build uses two cores")
    parser.add_argument("--keep", metavar="DIR", help="keep patch objects, logs and unpatched binaries there")
    parser.add_argument("--limit", type=float, default=900, metavar="SECONDS", help="for one patch (default %(default)s)")
    parser.add_argument("--cache", default=fixes.CACHE, help="where sources are unpacked and built (default: %(default)s)")
    options = parser.parse_args()
    if not (options.apus or options.list or options.builds):
        parser.error("APUS is needed, unless --list or --builds")
    every = fixes.load(options.cache, [p for p in fixes.PACKAGES if p.machine == options.machine])
    chosen = [f for f in every if any(fnmatch.fnmatch(n, options.only) for n in (f.name, *f.names))]
    if not chosen:
        parser.error(f"no fix matches {options.only}")
    if options.list:
        list_fixes(chosen)
        return 0
    if options.builds:
        time_builds(chosen, options.cache)
        return 0
    options.apus = os.path.abspath(options.apus)
    table, versions = expect.read_table()
    for name in ("gcc", "aarch64-linux-gnu-gcc"):
        if versions.get(name) != expect.compiler(name):
            print(f"{expect.TABLE} is of {versions.get(name)}, not {expect.compiler(name)}: run expect.py", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        options.keep = os.path.abspath(options.keep or temporary)
        runner = Runner(options, table)
        by_package = [(p, [f for f in chosen if f.package == p]) for p in fixes.PACKAGES]
        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            lists = list(pool.map(lambda pair: runner.package(*pair), by_package))
    return summarize([result for results in lists for result in results])


if __name__ == "__main__":
    sys.exit(main())
