#!/usr/bin/env python3
"""Whether a fix is in effect: the tests that redis' fixes come with, by a server without the fix and one with it.

  effects.py [--only GLOB]                   with the fix: the tree built with it
  effects.py --only PATCH --server FILE      FILE, a server that was patched in another way, does what that one does

The tests are those that the patch adds to tests/*.tcl, in the patched tree. A fix is in effect where some of them fail without
it and pass with it. Some show nothing: they need gigabytes of memory and are skipped, look for what only a sanitizer would see,
or expect a newer redis' messages and fail either way. Status 1 if nothing passes with the fix that should, or if FILE fails a
test that the tree's own server passes. nginx', tiff's and lua5.4's patches bring no tests.
"""

import argparse
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import builds  # noqa: E402
import fixes  # noqa: E402


# Module tests need modules built; the one for replication (CVE-2026-23631) sets an option that 7.0 has not got.
LEFT_OUT = ("unit/moduleapi", "integration/replication")


def tests(fix):
    """{unit: [names of the tests that the patch adds to it]}."""
    with open(fix.path, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    found, unit = {}, None
    for line in lines:
        if line.startswith("+++ "):
            path = re.match(r"\+\+\+ [^/]+/tests/((?:unit|integration)/\S+)\.tcl", line)
            unit = path[1] if path and not path[1].startswith(LEFT_OUT) else None
        added = re.match(r'\+\s*test (?:\{(.*?)\}|"(.*?)") \{', line)
        if unit and added:
            found.setdefault(unit, []).append(added[1] or added[2])
    return found


def pattern(name):
    """A regular expression for a test's name as it stands in the source, with Tcl's variables in it."""
    return ".*".join(re.sub(r"([^\w ])", r"\\\1", part) for part in re.split(r"\$\w+", name))


def run_tests(tree, server, fix, log, limit=600):
    """Runs the fix's tests in the tree with this server: the names of those that pass, and of those that fail."""
    binary = os.path.join(tree, "src", "redis-server")
    shutil.copy2(server, binary + ".new")
    os.replace(binary + ".new", binary)
    arguments, names = [], []
    for unit, added in tests(fix).items():
        arguments += ["--single", unit]
        names += added
    for name in names:
        arguments += ["--only", "/^" + pattern(name) + "$"]
    command = ["./runtest", "--clients", "1", "--timeout", "60", *arguments]
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(command, cwd=tree, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            pass  # a test that hangs has not passed
        try:
            os.killpg(process.pid, signal.SIGKILL)  # servers that a failed test has left
        except ProcessLookupError:
            pass
        process.wait()
    with open(log, encoding="utf-8", errors="replace") as file:
        text = re.sub(r"\x1b\[[0-9;]*m", "", file.read())
    wanted = re.compile("|".join(pattern(name) for name in names))
    ended = {"ok": set(), "err": set()}
    for state, name in re.findall(r"^\[(ok|err)\]: (.*?)(?: \(\d+ ms\)| in tests/.*)?$", text, re.MULTILINE):
        if wanted.fullmatch(name):
            ended[state].add(name)
    return ended["ok"], ended["err"]


def judge(space, fix, server, logs):
    """(whether the server with the fix does what it should, what the tests show)."""
    os.makedirs(logs, exist_ok=True)
    built = os.path.join(space.directory, "src", "redis-server")
    space.before(fix)
    without = shutil.copy2(built, os.path.join(logs, "without"))
    space.after(fix)
    # The build makes src/redis-server anew each time: what the tests are run with does not stay.
    fixed = shutil.copy2(built, os.path.join(logs, "with"))
    before, _ = run_tests(space.directory, without, fix, os.path.join(logs, "without.log"))
    after, failing = run_tests(space.directory, fixed, fix, os.path.join(logs, "with.log"))
    shown = after - before
    if shown:
        words = [f"in effect by {len(shown)} tests"]
    else:
        words = ["shows nothing: " + (f"{len(after)} tests pass without it, too" if after else "no test was run to its end")]
    if failing:
        words.append(f"{len(failing)} tests fail either way")
    if server:
        given, _ = run_tests(space.directory, server, fix, os.path.join(logs, "given.log"))
        if not after <= given:
            return False, f"{server} fails {'; '.join(sorted(after - given))}; see {logs}/given.log"
        words.append("the given server passes what the tree's own does")
    return not failing & before and (bool(after) or not failing), "; ".join(words)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="*", metavar="GLOB", help="PACKAGE/PATCH names")
    parser.add_argument("--server", metavar="FILE", help="a patched redis-server")
    parser.add_argument("--cache", default=fixes.CACHE, help="where sources are unpacked and built (default: %(default)s)")
    options = parser.parse_args()
    redis = next(p for p in fixes.PACKAGES if p.name == "redis")
    chosen = [f for f in fixes.load(options.cache, [redis]) if fnmatch.fnmatch(f.name, options.only) and tests(f)]
    if not chosen or (options.server and len(chosen) != 1):
        parser.error(f"{options.only} matches {len(chosen)} fixes with tests")
    space = builds.Workspace(redis, os.path.join(options.cache, "effects", "redis"), builds.environment())
    failed = 0
    for fix in chosen:
        holds, said = judge(space, fix, options.server, os.path.join(options.cache, "effects", os.path.basename(fix.name)))
        failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {fix.name}: {said}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
