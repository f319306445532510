"""Trees that are built, patched and built again, in the series' order: as a developer's build goes, only what changed."""

import os
import shutil
import subprocess
import time

import fixes
import oracle

# What objects are compared by: each function and each datum in a section of its own. A constant for __LINE__, so that a line
# that only moved is no change. Appended to every call of the compiler by a wrapper that stands first in PATH.
ORACLE_FLAGS = "-ffunction-sections -fdata-sections -D__LINE__=0 -w"
COMPILERS = ("gcc", "g++", "cc", "c++", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++")


def environment():
    """Nothing of the caller's that a build would take up; the same date in everything that notes one."""
    kept = {k: v for k, v in os.environ.items() if k not in ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "CC")}
    return {**kept, "LC_ALL": "C", "SOURCE_DATE_EPOCH": "1"}


def wrapped_environment(directory):
    """The environment with compilers that add ORACLE_FLAGS."""
    os.makedirs(directory, exist_ok=True)
    for name in filter(shutil.which, COMPILERS):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {shutil.which(name)} "$@" {ORACLE_FLAGS}\n')
        os.chmod(path, 0o755)
    wrapped = environment()
    wrapped["PATH"] = f"{directory}:{wrapped['PATH']}"
    return wrapped


class Workspace:
    """A package's tree that goes from fix to fix."""

    def __init__(self, package, directory, variables):
        self.package = package
        self.directory = directory
        self.variables = variables
        self.applied = None  # how many patches of the series the tree has

    def before(self, fix):
        """Brings the tree to what the fix is applied to, and builds it; seconds."""
        if self.applied is None or self.applied > fix.position:
            os.makedirs(os.path.dirname(self.directory), exist_ok=True)
            fixes.make_tree(fix, self.directory)
        else:
            fixes.advance(self.directory, fix, self.applied)
        self.applied = fix.position
        return self.build()

    def after(self, fix):
        """Applies the fix and builds; seconds."""
        fixes.apply(self.directory, fix.path)
        self.applied = fix.position + 1
        return self.build()

    def build(self):
        start = time.monotonic()
        log = self.directory + ".log"
        with open(log, "w", encoding="utf-8") as output:
            run = subprocess.run(
                self.package.command, cwd=self.directory, env=self.variables, stdout=output, stderr=subprocess.STDOUT
            )
        if run.returncode != 0:
            raise RuntimeError(f"{self.package.label} does not build: {self.package.build!r} in {self.directory}; see {log}")
        return time.monotonic() - start

    def objects(self, directory):
        """Copies of the object files as they are now."""
        shutil.rmtree(directory, ignore_errors=True)
        for name, path in oracle.object_files(self.directory).items():
            copy = os.path.join(directory, name)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(path, copy)
        return directory


def expected(package, chosen, cache, say):
    """Yields (fix, the oracle's report) for the fixes of one package."""
    variables = wrapped_environment(os.path.join(cache, "wrapper"))
    space = Workspace(package, os.path.join(cache, "oracle", package.label), variables)
    before, after = space.directory + ".before", space.directory + ".after"
    for fix in chosen:
        state = space.applied
        first = space.before(fix)
        if state != fix.position:  # else the last fix's objects are this one's
            space.objects(before)
        second = space.after(fix)
        space.objects(after)
        report = oracle.compare_trees(before, after)
        say(f"{fix.name}: built in {first:.1f} s and {second:.1f} s, {len(report['changed'])} functions changed")
        yield fix, report
        before, after = after, before
