#!/usr/bin/env python3
"""Patches of small C and C++ programs linked into their files by image.py, which then have to do what the patched sources do.

  image_test.py APUS [--only GLOB] [--keep DIR]

On x86_64 natively, on arm64 and ppc64le by cross compilers and qemu-user: executables that can be moved and that cannot, and shared
libraries; gcc, and clang on x86_64. What is there: static variables that keep what they hold, names that two files have, switch tables, functions newly
imported, addresses of functions, functions that are chosen at the start (IFUNC), thread-local variables, weak symbols, exceptions thrown and
caught by new code and through it.
"""

import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import image  # noqa: E402

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Image")
CROSS = {"arm64": ("aarch64-linux-gnu-", "qemu-aarch64"), "ppc64le": ("powerpc64le-linux-gnu-", "qemu-ppc64le")}
SHAPES = {"pie": ("-fPIE", "-pie"), "fixed": ("-fno-pie", "-no-pie"), "library": ("-fPIC", "-pie")}
PROGRAMS = {"c": ("work.c", "work.patched.c", "main.c"), "c++": ("throws.cpp", "throws.patched.cpp", "main_throws.c")}


class Case:
    def __init__(self, machine, compiler, language, shape, level):
        self.machine, self.compiler, self.language, self.shape, self.level = machine, compiler, language, shape, level
        self.name = f"{machine}-{compiler}-{language}-{shape}{level}"
        prefix, self.emulator = CROSS.get(machine, ("", None))
        names = {"gcc": ("gcc", "g++"), "clang": ("clang", "clang++")}[compiler]
        self.c, self.cxx = prefix + names[0], prefix + names[1]
        self.prefix = prefix

    def command(self):
        """The build: the changed source is one object, main another; the library has the first."""
        source, _, main = PROGRAMS[self.language]
        compile_flag, link_flag = SHAPES[self.shape]
        if self.machine == "arm64" and self.shape == "library":
            # A descriptor's resolver is the dynamic linker's own; a patch needs the offset, which a file does not have.
            compile_flag += " -mtls-dialect=trad"
        compiler = self.cxx if self.language == "c++" else self.c
        flags = f"{self.level} -g {compile_flag}"
        end = os.path.splitext(source)[1]
        lines = [
            f"[ work.o -nt work{end} ] || {compiler} {flags} -c work{end} -o work.o",
            f"[ main.o -nt main.c ] || {self.c} {self.level} -g -fPIE -c main.c -o main.o" if self.shape == "library"
            else f"[ main.o -nt main.c ] || {self.c} {flags} -c main.c -o main.o",
        ]
        objects = "work.o"
        if self.language == "c":
            objects += " chosen.o"
            lines.append(f"[ chosen.o -nt chosen.c ] || {self.c} {flags} -c chosen.c -o chosen.o")
        if self.shape == "library":
            lines += [
                f"{compiler} -shared {objects} -o libwork.so -Wl,--build-id",
                f"{compiler} -pie main.o -L. -lwork -Wl,-rpath,'$ORIGIN' -rdynamic -o prog",
            ]
        else:
            lines.append(f"{compiler} {link_flag} {objects} main.o -Wl,--build-id -o prog")
        return ["sh", "-ec", "; ".join(lines)]

    def tree(self, directory, patched):
        os.makedirs(directory)
        source, changed, main = PROGRAMS[self.language]
        end = os.path.splitext(source)[1]
        shutil.copy(os.path.join(HERE, changed if patched else source), os.path.join(directory, "work" + end))
        shutil.copy(os.path.join(HERE, main), os.path.join(directory, "main.c"))
        for file in ("work.h", "chosen.c"):
            shutil.copy(os.path.join(HERE, file), directory)
        return "work" + end

    def run(self, directory):
        command = [os.path.join(directory, "prog")]
        if self.emulator:
            root = "/usr/" + self.prefix.rstrip("-")
            command = [self.emulator, "-L", root, *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.stdout + (f"status {done.returncode}\n{done.stderr}" if done.returncode else "")


def check(apus, case, place):
    """None, or what is wrong."""
    before, after = os.path.join(place, "before"), os.path.join(place, "after")
    name = case.tree(before, False)
    case.tree(after, True)
    with open(os.path.join(place, "change.diff"), "w", encoding="utf-8") as file:
        subprocess.run(["diff", "-u", f"before/{name}", f"after/{name}"], cwd=place, stdout=file)
    source = os.path.join(place, "source")
    shutil.copytree(before, source)
    for directory in (before, after):
        subprocess.run(case.command(), cwd=directory, check=True)
    plain, wanted = case.run(before), case.run(after)
    if plain == wanted:
        return "the change does nothing"
    target = "libwork.so" if case.shape == "library" else "prog"
    patch = os.path.join(place, "change.apatch")
    command = [apus, "patch", "build", "--source", source, "--diff", os.path.join(place, "change.diff")]
    command += ["--target", os.path.join(before, target), "-o", patch, "--", *case.command()]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return f"apus patch build: {done.stderr.strip()}"
    done = subprocess.run([apus, "patch", "check", patch, os.path.join(before, target)], capture_output=True, text=True)
    # (A library's main program has some of its symbols.)
    if done.returncode != 0 and case.shape != "library":
        return f"apus patch check: {done.stdout.strip()} {done.stderr.strip()}"
    try:
        image.write(apus, patch, os.path.join(before, target), os.path.join(before, target))
    except image.Failure as error:
        return f"image: {error}"
    found = case.run(before)
    if found != wanted:
        for one, other in zip(wanted.splitlines() + [""] * 99, found.splitlines()):
            if one != other:
                return f"wanted {one!r}, found {other!r}"
        return f"wanted more: {found[-200:]!r}"
    return None


def cases():
    for machine in ("x86_64", "arm64", "ppc64le"):
        for compiler in ("gcc", "clang") if machine == "x86_64" else ("gcc",):
            for language in PROGRAMS:
                for shape in SHAPES:
                    for level in ("-O0", "-O2"):
                        yield Case(machine, compiler, language, shape, level)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus")
    parser.add_argument("--only", default="*", metavar="GLOB")
    parser.add_argument("--keep", metavar="DIR")
    options = parser.parse_args()
    options.apus = os.path.abspath(options.apus)
    failed = count = 0
    with tempfile.TemporaryDirectory() as temporary:
        place = os.path.abspath(options.keep or temporary)
        for case in cases():
            if not fnmatch.fnmatch(case.name, options.only):
                continue
            count += 1
            own = os.path.join(place, case.name)
            shutil.rmtree(own, ignore_errors=True)
            try:
                problem = check(options.apus, case, own)
            except (subprocess.SubprocessError, OSError) as error:
                problem = f"{type(error).__name__}: {error}"
            if problem:
                failed += 1
                print(f"FAIL {case.name}: {problem}", flush=True)
    print(f"{count - failed} of {count} patched programs do what their patched sources do")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
