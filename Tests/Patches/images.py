#!/usr/bin/env python3
"""Runs programs with Debian's security fixes linked in as patches: each patch object that cve.py has kept, by image.py.

  images.py APUS --keep DIR [--only GLOB] [--machine arm64] [--cache DIR]

DIR is what `cve.py --keep DIR` left: a patch object and the unpatched binaries for each fix. The tree is built with the fix, so that it
has the fix's tests; then the patched copies of the unpatched binaries stand in for its own, and the package's tests run (suites.py).
All that passes with the tree's own binaries has to pass with those, the fix's own tests included. Status 1 if something does not.
"""

import argparse
import fnmatch
import os
import shutil
import sys

sys.dont_write_bytecode = True
import builds  # noqa: E402
import fixes  # noqa: E402
import image  # noqa: E402
import suites  # noqa: E402
from packages import MACHINES  # noqa: E402


def replace(source, target):
    """Puts a file where another is that may be running, or behind the script that calls an emulator for it."""
    if os.path.exists(target + ".elf"):
        target += ".elf"
    shutil.copy2(source, target + ".new")
    os.replace(target + ".new", target)


class Runner:
    def __init__(self, options):
        self.options = options
        self.spaces = {}

    def space(self, package):
        directory = os.path.join(self.options.cache, "images", package.label)
        return self.spaces.setdefault(package.label, builds.Workspace(package, directory, builds.environment()))

    def fix(self, fix):
        """(whether it holds, what to say)."""
        keep = os.path.join(self.options.keep, fix.name)
        patch = os.path.join(keep, "patch.apatch")
        images = self.images(patch, keep)
        space = self.space(fix.package)
        if space.applied is None or space.applied > fix.position:
            os.makedirs(os.path.dirname(space.directory), exist_ok=True)
            fixes.make_tree(fix, space.directory)
        else:
            fixes.advance(space.directory, fix, space.applied)
        space.after(fix)
        suite = suites.SUITES[fix.package.name]
        log = os.path.join(keep, "suite")
        for end in ("own", "patched"):
            for name in (f"{log}.{end}.log", f"{log}.{end}.log.fix"):
                if os.path.exists(name):
                    os.remove(name)
        own = suite(space.directory, fix, f"{log}.own.log")
        for name, unpatched in self.unpatched(keep):
            replace(images.get(name, unpatched), os.path.join(space.directory, name))
        given = suite(space.directory, fix, f"{log}.patched.log")
        space.applied = fix.position + 1
        functions = sum(self.replaced.values())
        said = f"{functions} functions in {' '.join(os.path.basename(n) for n in images)}; {len(own & given)} tests pass"
        shown = len([t for t in own & given if t.startswith("the fix: ")])
        said += f", {shown} of the fix's own" if shown else ""
        missing = own - given
        if missing:
            return False, f"{said}; fails {'; '.join(sorted(missing)[:5])} ({log}.patched.log)"
        return bool(own), said if own else "no test ran"

    @staticmethod
    def unpatched(keep):
        """(name in the tree, path) of the binaries as they were."""
        top = os.path.join(keep, "unpatched")
        for directory, _, names in os.walk(top):
            for name in names:
                path = os.path.join(directory, name)
                yield os.path.relpath(path, top), path

    def images(self, patch, keep):
        """Makes the patched copies: {name in the tree: path}."""
        self.replaced, made = {}, {}
        modules = image.Patch(patch).modules
        for name, path in self.unpatched(keep):
            if os.path.basename(name) in modules:
                output = os.path.join(keep, "patched", name)
                os.makedirs(os.path.dirname(output), exist_ok=True)
                self.replaced[name] = image.write(self.options.apus, patch, path, output)
                made[name] = output
        if not made:
            raise image.Failure(f"{patch} is for none of the binaries: {modules}")
        return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus")
    parser.add_argument("--keep", required=True, help="where cve.py --keep put patches and binaries")
    parser.add_argument("--only", default="*", metavar="GLOB", help="PACKAGE/PATCH names")
    parser.add_argument("--machine", default="x86_64", choices=MACHINES)
    parser.add_argument("--cache", default=fixes.CACHE, help="where sources are unpacked and built (default: %(default)s)")
    options = parser.parse_args()
    options.apus, options.keep = os.path.abspath(options.apus), os.path.abspath(options.keep)
    every = fixes.load(options.cache, [p for p in fixes.PACKAGES if p.machine == options.machine])
    chosen = [f for f in every if fnmatch.fnmatch(f.name, options.only)]
    chosen = [f for f in chosen if os.path.exists(os.path.join(options.keep, f.name, "patch.apatch"))]
    runner, failed = Runner(options), 0
    for fix in chosen:
        try:
            holds, said = runner.fix(fix)
        except (RuntimeError, OSError, ValueError, KeyError, image.Failure) as error:
            holds, said = False, f"{type(error).__name__}: {error}"
        failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {fix.name}: {said}", flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} patched programs run their tests")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
