"""`apus record --remote` from this machine: programs in other machines under gdbserver, and in qemu's user-mode emulators."""

import collections
import functools
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading

from bench import COMPILERS, TOP, Failure, Job, check, equal, tail

QEMU = {"arm64": "qemu-aarch64", "ppc64le": "qemu-ppc64le"}
GCOV = {"arm64": ["aarch64-linux-gnu-gcov"], "ppc64le": [TOP / "Tools/machines/ppc64le-gcov"]}
SCRIPT = TOP / "Tools/workloads/strings.lua"
COUNT = "120"
# No function is inlined, cloned, or left out, and neither string hashes nor the cache of strings depend on addresses: so gcov's
# build and the recorded one make the same calls.
FLAGS = ["-O0", "-g", "-Dluai_makeseed(L)=1", "-DSTRCACHE_N=1", "-DSTRCACHE_M=1"]
SECONDS = 150

THREADS = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
__attribute__((noinline)) int leaf(int x) { __asm__ volatile(""); return x + 1; }
__attribute__((noinline)) int fib(int n) { return n < 2 ? leaf(n) : fib(n - 1) + fib(n - 2); }
static void *work(void *p) { return (void *)(long)fib((int)(long)p); }
__attribute__((constructor)) void early(void) { leaf(1); }
int main(int count, char **words) {
  int n = atoi(words[1]), t = atoi(words[2]);
  long sum = fib(n);
  pthread_t threads[16];
  for (int i = 0; i < t; i++) pthread_create(threads + i, 0, work, (void *)(long)n);
  for (int i = 0; i < t; i++) { void *r; pthread_join(threads[i], &r); sum += (long)r; }
  for (int i = 0; i < t; i++) { void *r; pthread_create(threads, 0, work, (void *)(long)3); pthread_join(threads[0], &r); sum += (long)r; }
  printf("%ld\n", sum);
  return 3;
}
"""


def fib(n):
    """(Calls of fib, calls of leaf, its value) for fib(n)."""
    if n < 2:
        return 1, 1, n + 1
    one, two = fib(n - 1), fib(n - 2)
    return 1 + one[0] + two[0], one[1] + two[1], one[2] + two[2]


def threads_expected(n, t):
    whole, small = fib(n), fib(3)
    calls = {"main": 1, "early": 1, "fib": whole[0] * (t + 1) + small[0] * t,
             "leaf": 1 + whole[1] * (t + 1) + small[1] * t}
    if t:
        calls["work"] = 2 * t
    return calls, f"{whole[2] * (t + 1) + small[2] * t}\n".encode()


def run(command, **options):
    done = subprocess.run(command, capture_output=True, **options)
    check(done.returncode == 0, f"{' '.join(map(str, command))}:\n{tail(done.stdout + done.stderr)}")
    return done.stdout


# Tests run side by side: what they share is made by one of them.
making = threading.RLock()


def once(make):
    made = functools.cache(make)

    @functools.wraps(make)
    def alone(*arguments):
        with making:
            return made(*arguments)
    return alone


@once
def lua_source():
    run([TOP / "Tools/workload.sh", "lua"])
    return TOP / ".build/workloads/lua5.4/src"


@functools.cache
def sysroot(arch):
    if arch == "arm64":
        return pathlib.Path("/usr/aarch64-linux-gnu")
    root = run([TOP / "Tools/machines/unpack.sh", "cross-ppc64le"]).decode().strip()
    return pathlib.Path(root) / "usr/powerpc64le-linux-gnu"


def build_lua(arch, out, directory, *flags):
    """The interpreter; its objects stay in the directory, where gcov looks for them."""
    compiler = f"{COMPILERS[arch]}gcc"
    (directory / "lua5.4-deb-multiarch.h").write_text('#define DEB_HOST_MULTIARCH "there"\n')
    sources = [file for file in lua_source().glob("*.c") if file.name != "luac.c"]
    options = [*FLAGS, *flags, "-std=gnu99", "-DLUA_COMPAT_5_3", "-DLUA_USE_LINUX", f"-I{directory}", f"-I{lua_source()}"]
    run([compiler, *options, "-c", *sources], cwd=directory)
    objects = [f"{file.stem}.o" for file in sources]
    run([compiler, *FLAGS, *flags, "-Wl,-E", "-o", out, *objects, "-lm", "-ldl"], cwd=directory)


WORDS = ["./lua", SCRIPT.name, COUNT]


@once
def lua(arch):
    """(The interpreter with call sites, what the script prints, calls of each function by gcov), made once.

    gcov counts how often a function's first block runs, to which luaV_execute's loop goes back: its calls are those of the lines that
    call it."""
    kept = tempfile.TemporaryDirectory(prefix="apus-lua-")
    directory = pathlib.Path(kept.name)
    counted = directory / "counted"
    counted.mkdir()
    (directory / "plain").mkdir()
    for where in [counted, directory]:
        shutil.copy(SCRIPT, where)
    build_lua(arch, counted / "lua", counted, "--coverage")
    build_lua(arch, directory / "lua", directory / "plain", "-fpatchable-function-entry=2")
    printed = run([QEMU[arch], "-L", sysroot(arch), *WORDS], cwd=counted)
    calls = collections.Counter()
    callers = {number for number, line in enumerate((lua_source() / "ldo.c").read_text().splitlines(), 1) if "luaV_execute(" in line}
    executions = 0
    data = sorted(file.name for file in counted.glob("*.gcda"))
    for line in run([*GCOV[arch], "--json-format", "--stdout", *data], cwd=counted).splitlines():
        for file in json.loads(line)["files"]:
            for function in file["functions"]:
                calls[function["name"]] += function["execution_count"]
            if pathlib.Path(file["file"]).name == "ldo.c":
                executions += sum(line["count"] for line in file["lines"] if line["line_number"] in callers)
    check(0 < executions < calls["luaV_execute"], f"{executions} calls of luaV_execute")
    calls["luaV_execute"] = executions
    return kept, directory / "lua", printed, {name: count for name, count in calls.items() if count}


def recorded(apus, trace, program):
    """Calls of each function of a program, as the trace has them."""
    calls = collections.Counter()
    for row in json.loads(run([apus, "report", "--format", "json", trace])):
        if row["module"] == program:
            calls[row["name"]] += row["calls"]
    return {name: count for name, count in calls.items() if count}


def record(apus, address, trace, *options):
    return subprocess.run([apus, "record", "--remote", address, "-o", trace, *options], capture_output=True, timeout=SECONDS)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def in_machine(apus, job, words, *options):
    """Records a program that gdbserver has in a machine: (apus's end, what the program printed)."""
    port = free_port()
    command = job.command(["sh", "-c", f"setsid gdbserver --once 0.0.0.0:1234 {words} > /out/printed"],
                          ["--timeout", str(SECONDS), "--forward", f"{port}:1234"])
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    log = b""
    try:
        for line in machine.stdout:
            log += line
            if b"Listening on port" in line:
                break
        else:
            raise Failure(f"gdbserver does not listen:\n{tail(log)}")
        rest = []
        reader = threading.Thread(target=lambda: rest.append(machine.stdout.read()))
        reader.start()
        done = record(apus, f"127.0.0.1:{port}", job.directory / "trace", *options)
        machine.wait(timeout=60)
        reader.join()
        log += rest[0]
    finally:
        machine.kill()
        machine.wait()
    printed = job.directory / "out/printed"
    check(printed.exists(), f"the machine's end:\n{tail(log)}\napus:\n{tail(done.stderr)}")
    return done, printed.read_bytes().split(b"\nChild exited")[0].rstrip(b"\n") + b"\n"


def in_emulator(apus, arch, directory, where, words, *options):
    """Records a program in qemu's user-mode emulator."""
    path = pathlib.Path(directory) / "socket"
    qemu = subprocess.Popen([QEMU[arch], "-g", path, "-L", sysroot(arch), *words], cwd=where, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE)
    try:
        done = record(apus, path, pathlib.Path(directory) / "trace", *options)
        printed, _ = qemu.communicate(timeout=30)
    finally:
        qemu.kill()
        qemu.wait()
        path.unlink(missing_ok=True)
    return done, printed


def check_lua(arch, apus, done, printed, trace):
    _, _, expected_output, expected = lua(arch)
    check(done.returncode == 0 and b"lost" not in done.stderr, f"apus record: {done.returncode}\n{tail(done.stderr)}")
    equal(printed, expected_output, "what the script printed")
    calls = recorded(apus, trace, "lua")
    wrong = {name: (calls.get(name, 0), expected.get(name, 0)) for name in calls.keys() | expected.keys()
             if calls.get(name, 0) != expected.get(name, 0)}
    check(len(expected) > 200 and not wrong, f"{len(expected)} functions; recorded and by gcov: {wrong}")


def test_remote_lua_in_machine(arch, apus):
    """Every function's calls of an interpreter's run, recorded through gdbserver, are gcov's."""
    with Job(arch) as job:
        shutil.copy(lua(arch)[1], job.directory / "in/lua")
        shutil.copy(SCRIPT, job.directory / "in")
        for options in [["--level", "graph"], ["--level", "count"]]:
            done, printed = in_machine(apus, job, " ".join(WORDS), *options)
            check_lua(arch, apus, done, printed, job.directory / "trace")


def test_remote_lua_in_emulator(arch, apus):
    """The same through qemu's own server, whose memory is shared."""
    with tempfile.TemporaryDirectory() as directory:
        for level in ["count", "entry", "graph"]:
            done, printed = in_emulator(apus, arch, directory, lua(arch)[1].parent, WORDS, "--level", level)
            check_lua(arch, apus, done, printed, pathlib.Path(directory) / "trace")


def test_remote_static_in_emulator(arch, apus):
    """A static program, which has no loader to wait for."""
    with Job(arch) as job:
        job.compile("program", THREADS, "-O1", "-static", "-pthread", "-fpatchable-function-entry=2")
        calls, output = threads_expected(12, 0)
        done, printed = in_emulator(apus, arch, job.directory, job.directory / "in", ["./program", "12", "0"])
        equal(done.returncode, 3, f"the program's status\n{tail(done.stderr)}")
        equal(printed, output, "what it printed")
        got = recorded(apus, job.directory / "trace", "program")
        equal({name: got.get(name) for name in calls}, calls, "calls")


def test_remote_threads_in_machine(arch, apus):
    """Threads that run together and one after the other, with buffers that fill up, waiting and dropping."""
    calls, output = threads_expected(10, 4)
    with Job(arch) as job:
        job.compile("program", THREADS, "-O1", "-pthread", "-fpatchable-function-entry=2")
        for options in [["--buffer", "4K"], ["--buffer", "4K", "--on-full", "drop"]]:
            done, printed = in_machine(apus, job, "./program 10 4", *options)
            equal(done.returncode, 3, f"{options}: the program's status\n{tail(done.stderr)}")
            equal(printed, output, f"{options}: what it printed")
            got = recorded(apus, job.directory / "trace", "program")
            if "drop" in options:
                lost = re.search(rb"(\d+) calls of .* (\d+) calls lost", done.stderr)
                check(lost, f"{options}: losses are told:\n{tail(done.stderr)}")
                others = 0 if arch == "arm64" else 8
                total = int(lost.group(1)) + int(lost.group(2))
                check(0 <= total - sum(calls.values()) <= others, f"{options}: {total} calls recorded and lost of {sum(calls.values())}")
            else:
                equal(got, calls, f"{options}: calls")


TESTS = [test_remote_static_in_emulator, test_remote_lua_in_emulator, test_remote_threads_in_machine, test_remote_lua_in_machine]
