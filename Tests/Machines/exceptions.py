"""Exceptions, cancellation, stack walks and jumps through recorded frames of programs elsewhere: hard programs, held against
themselves untraced, and their calls against those of level count, which no unwinder notices."""

import json
import pathlib
import re
import tempfile

from bench import COMPILERS, TOP, Job, check, equal, tail
from remote import QEMU, in_emulator, in_machine, recorded, run, sysroot

HARD = TOP / "Tests/HardPrograms"
# Of one thread, for the emulators; and of several, for the machines. Whether an unwinder walks.
ALONE = [("cxx_throw.cpp", True), ("cxx_land.cpp", True), ("longjmp.c", False), ("setjmp.c", False)]
THREADED = [("pthread_cancel.c", True), ("pthread_exit_catch.cpp", True), ("backtrace.c", True), ("cxx_throw.cpp", True)]


def build(arch, file, out):
    """A hard program, by the flags that it asks for first."""
    first = next(line for line in (HARD / file).read_text().splitlines() if line.startswith("// build: "))
    compiler, *flags = first.removeprefix("// build: ").split()
    language = "g++" if "+" in compiler else "gcc"
    run([f"{COMPILERS[arch]}{language}", *flags, "-pthread", f"-I{HARD}", "-fpatchable-function-entry=2", HARD / file, "-o", out])


def varying(file):
    """The functions whose calls depend on time, as its directives say."""
    return set(re.findall(r"(\w+)=any\b", (HARD / file).read_text()))


def compare(apus, trace, name, level, done, printed, expected):
    equal(done.returncode, 0, f"{name}, {level}: status\n{tail(done.stderr)}")
    check(b"lost" not in done.stderr, f"{name}, {level}:\n{tail(done.stderr)}")
    equal(printed.strip(), expected.strip(), f"{name}, {level}: what it printed")
    slow = json.loads(run([apus, "info", trace, "--format", "json"]))["slow_paths"]
    return recorded(apus, trace, name), slow["walked_through"]


def check_levels(apus, trace, file, walks, once, graphs=([], ["--no-time"])):
    """`once` runs the program at a level: (apus's end, what was printed, what it prints untraced)."""
    name, free = pathlib.Path(file).stem, varying(file)
    counted, _ = compare(apus, trace, name, "count", *once("--level", "count"))
    for options in graphs:
        calls, walked = compare(apus, trace, name, f"graph {options}", *once(*options))
        equal(*({f: n for f, n in c.items() if f not in free} for c in (calls, counted)),
              f"{name}, graph {options}: calls, beside those of level count")
        check(not walks or walked > 0, f"{name}, graph {options}: no unwinder was led through recorded frames")


def test_exceptions_in_emulator(arch, apus):
    """C++ exceptions of all sorts, and jumps over frames."""
    for file, walks in ALONE:
        name = pathlib.Path(file).stem
        with tempfile.TemporaryDirectory() as place:
            directory = pathlib.Path(place)
            build(arch, file, directory / name)
            words = [f"./{name}"]
            untraced = run([QEMU[arch], "-L", sysroot(arch), *words], cwd=directory)

            def once(*options):
                done, printed = in_emulator(apus, arch, directory, directory, words, *options)
                return done, printed, untraced
            check_levels(apus, directory / "trace", file, walks, once)


def test_exceptions_in_machine(arch, apus):
    """Cancelled and ending threads, backtraces of threads, and exceptions, under the machine's own libgcc."""
    for file, walks in THREADED:
        name = pathlib.Path(file).stem
        with Job(arch) as job:
            build(arch, file, job.directory / "in" / name)
            plain = job.run("sh", "-c", f"./{name} > /out/plain")
            check(plain.status == 0, f"{name}, untraced: {plain.status}\n{tail(plain.out)}")
            untraced = (job.directory / "out/plain").read_bytes()

            def once(*options):
                done, printed = in_machine(apus, job, f"./{name}", *options)
                return done, printed, untraced
            check_levels(apus, job.directory / "trace", file, walks, once, graphs=[[]])


REMOTE = [test_exceptions_in_emulator, test_exceptions_in_machine]
