"""The command on arm64: the program for arm64 in its machine."""

import pathlib
import re
import shutil
import subprocess
import sys

from bench import TOP, Job, check, equal, tail

PROGRAM = """
#include <stdio.h>
__attribute__((noinline)) int square(int n) { return n * n; }
__attribute__((noinline)) int sum(int n) { int s = 0; for (int i = 0; i < n; i++) s += square(i); return s; }
int main(void) { printf("%d\\n", sum(10)); return 0; }
"""
FUNCTIONS = ["square", "sum", "main"]


def with_apus(apus_arm64):
    job = Job("arm64")
    shutil.copy(apus_arm64, job.directory / "in/apus")
    return job


def test_says_what_it_is(_, apus_arm64):
    with with_apus(apus_arm64) as job:
        ended = job.run("sh", "-c", "./apus --version && ./apus --help && ./apus doctor > /out/doctor 2>&1; echo $? > /out/status")
        check(ended.status == 0 and re.match(rb"\d+\.\d+\.\d+\n", ended.out), "--version", ended)
        check(b"SUBCOMMANDS" in ended.out, "--help", ended)
        doctor = (ended.files / "doctor").read_text()
        check("kernel 6." in doctor and "ok    ptrace" in doctor, f"doctor: {doctor}")


def test_lists_call_sites(_, apus_arm64):
    """Each function has its site, where the compiler put it, with its slot: (options, what the slot column says)."""
    rows = [
        (["-fpatchable-function-entry=2"], "8"),
        (["-fpatchable-function-entry=4,2"], "8+8"),
        (["-fpatchable-function-entry=2", "-mbranch-protection=standard"], "8 pad"),
        (["-fpatchable-function-entry=4,2", "-mbranch-protection=standard"], "8+8 pad"),
    ]
    with with_apus(apus_arm64) as job:
        for index, (options, _) in enumerate(rows):
            job.compile(f"p{index}", PROGRAM, "-O1", *options)
        ended = job.run("sh", "-c", f"for n in $(seq 0 {len(rows) - 1}); do echo == $n; ./p$n; ./apus sites p$n || exit; done")
        check(ended.status == 0, "apus sites", ended)
        for (options, slot), text in zip(rows, ended.out.decode().split("== ")[1:]):
            check("\n285\n" in text and "arm64 pie" in text, f"{options}: the program runs and is arm64's", ended)
            for function in FUNCTIONS:
                found = re.search(rf"^ +0x\w+ +\d+ +patchable +0x\w+ +(\S+(?: pad)?) +all +{function}$", text, re.M)
                check(found, f"{options}: {function} has a usable site:\n{text}")
                equal(found.group(1), slot, f"{options}: {function}'s slot")


def test_reads_a_trace_of_another_machine(apus, apus_arm64):
    """Report, replay, info and every view say of a trace what they say of it where it was recorded."""
    views = ["report", "report --format json", "replay", "replay --format json", "graph", "info", "export --format perfetto -o -",
             "export --format chrome -o -", "export --format collapsed -o -"]
    with with_apus(apus_arm64) as job:
        home = job.directory / "home"
        home.mkdir()
        (home / "p.c").write_text(PROGRAM)
        subprocess.run(["gcc", "-O1", "-fpatchable-function-entry=5", "-o", home / "p", home / "p.c"], check=True)
        trace = job.directory / "in/trace"
        apus = pathlib.Path(apus).resolve()
        done = subprocess.run([apus, "record", "-o", trace, home / "p"], capture_output=True)
        check(done.returncode == 0, f"apus record:\n{tail(done.stderr)}")
        job.put("views", "".join(f"./apus {view} trace > '/out/{view}' 2>&1 || echo {view}\n" for view in views).encode())
        ended = job.run("sh", "views")
        check(ended.status == 0 and not ended.out, "each view's status is 0", ended)
        for view in views:
            here = subprocess.run([apus, *view.split(), "trace"], cwd=trace.parent, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            there = (ended.files / view).read_bytes()
            check(here.stdout == there, f"{view}: here\n{tail(here.stdout)}\nthere\n{tail(there)}")
            check(here.returncode == 0 and here.stdout, f"{view} says something here")


# Has the names of an unwinder and of what throws by it, and neither is what the names say.
UNWINDER = """
#define PLAIN __attribute__((patchable_function_entry(0, 0)))
struct context { long words[8]; };
PLAIN long _Unwind_GetCFA(struct context *c) { return c->words[1]; }
PLAIN long _Unwind_GetIP(struct context *c) { return c->words[2] + 1; }
PLAIN long _Unwind_GetTextRelBase(struct context *c) { return c->words[3]; }
PLAIN void *_Unwind_Find_FDE(void *pc, void *bases) { return bases; }
PLAIN void _Unwind_RaiseException(void) { }
PLAIN void __cxa_throw(void) { _Unwind_RaiseException(); }
int main(void) { return 0; }
"""


def test_refuses_unwinders_that_it_does_not_know(_, apus_arm64):
    """Where a context has what must be certain, or graph level is refused; other levels need no unwinder."""
    with with_apus(apus_arm64) as job:
        job.compile("p", UNWINDER, "-O1", "-fpatchable-function-entry=2", "-w")
        job.compile("known", UNWINDER.replace(" + 1", ""), "-O1", "-fpatchable-function-entry=2", "-w")
        ended = job.run("sh", "-c", "for level in graph entry; do for p in p known; do ./apus record -o /tmp/t --level $level ./$p; echo $?; done; done")
        equal(ended.out.split(), [b"125", b"0", b"0", b"0"], "status at graph level, unknown and known, and at entry level")
        check(re.search(rb"/p brings C\+\+ or Rust exceptions, which cannot pass recorded frames .*unwinder of \S*/p on arm64", ended.err),
              "says whose unwinder it is", ended)


def test_hard_programs(apus, apus_arm64):
    """Some of the programs that machine.py runs: exceptions, walks, switches of stacks, every register, signals, forks."""
    only = ["cxx_throw", "cxx_land", "cxx_threads", "backtrace", "pthread_cancel", "pthread_exit_catch", "fibres", "fibres_exceptions", "registers",
            "returns", "tail_calls", "longjmp", "signal_timer", "fork_frames"]
    command = [sys.executable, TOP / "Tests/HardPrograms/machine.py", apus, "--arm64", apus_arm64, "--first", "--levels", "graph,graph-untimed"]
    done = subprocess.run([*command, *(word for name in only for word in ("--only", name))], capture_output=True)
    check(done.returncode == 0 and f"\n{2 * len(only)} passed, 0 failed".encode() in done.stdout, f"machine.py:\n{tail(done.stdout)}")


def test_hard_programs_with_signed_addresses(apus, apus_arm64):
    """Return addresses are signed, and indirect branches need landing pads: on a processor that checks both."""
    only = ["cxx_throw[[]cet]", "backtrace[[]cet]", "registers[[]cet]"]
    command = [sys.executable, TOP / "Tests/HardPrograms/machine.py", apus, "--arm64", apus_arm64, "--levels", "graph", "--cpu",
               "max,pauth-impdef=on"]
    done = subprocess.run([*command, *(word for name in only for word in ("--only", name))], capture_output=True)
    check(done.returncode == 0 and f"\n{len(only)} passed, 0 failed".encode() in done.stdout, f"machine.py:\n{tail(done.stdout)}")


def test_unit_tests(_, apus_arm64):
    """The unit tests that look at a machine, on this kernel; built by `build-arm64.sh tests`."""
    built = pathlib.Path(apus_arm64).parent / "tests"
    # Where the tests, as built, look for their fixtures.
    fixtures = TOP / ".build-arm64/package/Tests/Fixtures"
    with Job("arm64") as job:
        shutil.copytree(built, job.directory / "in", dirs_exist_ok=True)
        shutil.copytree(TOP / "Tests/Fixtures", job.directory / "in/Fixtures")
        job.put("script", f"""
          mkdir -p {fixtures.parent}; ln -s /job/Fixtures {fixtures}
          exec lib/ld-linux-aarch64.so.1 --library-path lib ./unit-tests --testing-library swift-testing --no-parallel 2>&1
        """.encode())
        ended = job.run("sh", "script", options=["--smp", "2", "--memory", "2048", "--timeout", "600"])
        passed = re.search(rb"Test run with [1-9]\d* tests .*passed", ended.out)
        check(ended.status == 0 and passed, "the unit tests", ended)


TESTS = [test_says_what_it_is, test_lists_call_sites, test_reads_a_trace_of_another_machine,
         test_refuses_unwinders_that_it_does_not_know, test_hard_programs, test_hard_programs_with_signed_addresses, test_unit_tests]
