#!/usr/bin/env python3
"""Measures apus against no tracing and against Debian's uftrace, on the same binaries.

  run.py [--apus PATH] [--quick] [--rounds N]

Modes are run one after the other, round by round; a figure is the median over the rounds. "Above untraced" is the median of
the differences within a round. Times of a call are processor time of the traced program, as it reads it itself; where wall
time matters (losslessness, reports) it says so. A target that is missed is printed as MISSED; the exit status tells only
whether everything could be run. Nothing else should run meanwhile: the load is printed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time

import instructions as call_instructions

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
OUT = os.path.join(ROOT, ".build", "bench")
FLAGS = ["-O2", "-g", "-fpatchable-function-entry=5", "-fno-optimize-sibling-calls"]
# In Show 7's words: nanoseconds a call above untraced, ratios, bytes a call, calls a second, MiB.
COUNT, UNTIMED, TIMED, SLOWER_TIMED, SLOWER_UNTIMED = 3.0, 5.0, 1.15, 3.5, 12.0
LUA_WALL, FILE_BYTES, REPORT_RATE, MEMORY = 0.25, 4.0, 50e6, 512.0


class Failure(Exception):
    """A step that could not be run."""


def run(command, stdin=None, env=None):
    """Runs a command; its output, errors, and wall time in seconds."""
    start = time.monotonic()
    with open(stdin or os.devnull) as source:
        answer = subprocess.run(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    spent = time.monotonic() - start
    if answer.returncode != 0:
        raise Failure(f"{' '.join(command)}: status {answer.returncode}\n{answer.stderr.decode(errors='replace')}")
    return answer.stdout.decode(errors="replace"), answer.stderr.decode(errors="replace"), spent


def compile_c(name, flags):
    binary = os.path.join(OUT, name)
    run(["gcc", *flags, os.path.join(HERE, name + ".c"), "-o", binary])
    return binary


def trace(name):
    return os.path.join(OUT, name + ".trace")


class Tools:
    """How each mode runs a command."""

    def __init__(self, apus):
        self.apus = apus
        self.data = os.path.join(OUT, "uftrace.data")

    def record(self, name, *options):
        return [self.apus, "record", "-o", trace(name), *options, "--"]

    def uftrace(self, *options):
        return ["uftrace", "record", "-P", ".", "--no-libcall", "--no-pager", "-d", self.data, *options]

    def forget(self):
        """uftrace's data are gigabytes; and it would keep the last ones."""
        for path in (self.data, self.data + ".old"):
            shutil.rmtree(path, ignore_errors=True)

    def info(self, name):
        return json.loads(run([self.apus, "info", trace(name), "--format", "json"])[0])


def rounds(count, modes, measure, forget):
    """{mode: [what measure gave]}, the modes one after the other in each round."""
    got = {mode: [] for mode in modes}
    for number in range(count):
        for mode, prefix in modes.items():
            progress(f"round {number + 1} of {count}: {mode}")
            forget()
            got[mode].append(measure(mode, prefix))
    forget()
    progress("")
    return got


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + text)
        sys.stderr.flush()


def median(values):
    return statistics.median(values)


def above(got, mode, base="untraced"):
    """The median over the rounds of what `mode` costs more than `base`."""
    return median([a - b for a, b in zip(got[mode], got[base])])


class Targets:
    """What was to be reached; printed as it is known."""

    def __init__(self):
        self.missed = 0
        self.count = 0

    def check(self, what, good, figure):
        self.count += 1
        self.missed += not good
        print(f"  {'reached' if good else 'MISSED '}  {what}: {figure}", flush=True)


def heading(text):
    print(f"\n{text}", flush=True)


def table(rows, columns):
    width = max(len(r[0]) for r in rows)
    print(" " * (width + 2) + "".join(f"{c:>18}" for c in columns))
    for label, *cells in rows:
        print(f"  {label:<{width}}" + "".join(f"{c:>18}" for c in cells))
    sys.stdout.flush()


def fib(tools, targets, count, quick):
    program = compile_c("fib", FLAGS)
    # Each repeat, about 2.7 million calls, fits the buffer; its pages are touched by the two that warm up.
    number, repeats = "30", "3" if quick else "5"
    large = ["--buffer", "64M"]
    modes = {
        "untraced": [],
        "count": tools.record("fib", "--level", "count"),
        "entry, timed": tools.record("fib", "--level", "entry", *large),
        "graph, untimed": tools.record("fib", "--no-time", *large),
        "graph, timed": tools.record("fib", *large),
        "uftrace": tools.uftrace("-b", "64M"),
        "uftrace, default buffer": tools.uftrace(),
        "uftrace --nop": tools.uftrace("--nop"),
    }
    clocks = []

    def measure(mode, prefix):
        if mode == "untraced":
            clocks.append(median([float(line) for line in run([program, "clock"])[0].split()]))
        lines = run([*prefix, program, number, repeats, "0" if mode == "untraced" else "500"])[0].splitlines()
        return median([float(line.split()[0]) for line in lines if line])

    heading(f"fib({number}), ns a call, warm buffers, {count} rounds")
    got = rounds(count, modes, measure, tools.forget)
    calls = tools.info("fib")["calls"]
    expected = 2692537 * (int(repeats) + 2)
    if calls != expected:
        raise Failure(f"fib: {calls} calls recorded, {expected} made")
    clock = median(clocks)
    peer = min(above(got, "uftrace"), above(got, "uftrace, default buffer"))
    timed, untimed = above(got, "graph, timed"), above(got, "graph, untimed")
    rows = [(m, f"{median(v):.2f}", f"{above(got, m):.2f}",
             f"{peer / above(got, m):.1f}" if above(got, m) > 0 and m != "untraced" else "") for m, v in got.items()]
    table(rows, ["ns a call", "above untraced", "uftrace is ×"])
    print(f"  two timestamp reads: {clock:.2f} ns; graph, timed, above untraced, is {timed / clock:.2f} × that")
    print("  (uftrace has no untimed mode; --nop sets its hooks up and records nothing)")
    c = above(got, "count")
    targets.check(f"fib: count at most {COUNT:g} ns a call", c <= COUNT, f"{c:.2f} ns")
    targets.check(f"fib: untimed graph at most {UNTIMED:g} ns a call", untimed <= UNTIMED, f"{untimed:.2f} ns")
    targets.check(f"fib: timed graph at most {TIMED:g} × two timestamp reads", timed <= TIMED * clock,
                  f"{timed:.2f} ns, {timed / clock:.2f} ×")
    targets.check(f"fib: uftrace at least {SLOWER_TIMED:g} × slower than timed graph", peer >= SLOWER_TIMED * timed,
                  f"{peer:.1f} ns, {peer / timed:.1f} ×")
    targets.check(f"fib: uftrace at least {SLOWER_UNTIMED:g} × slower than untimed graph",
                  peer >= SLOWER_UNTIMED * untimed, f"{peer / untimed:.1f} ×")
    return clock


def slices(tools, count, quick):
    """What a call costs when nothing else has the processor's caches and its twin's units: half a millisecond at a time, of
    many the quietest twentieth. On a machine that is shared with others it tells the machine's noise from the cost."""
    program = os.path.join(OUT, "fib")
    number, repeats = "24", 60 if quick else 200
    modes = {
        "untraced": [],
        "count": tools.record("slices", "--level", "count"),
        "graph, untimed": tools.record("slices", "--no-time"),
        "graph, timed": tools.record("slices"),
    }

    def measure(mode, prefix):
        lines = run([*prefix, program, number, str(repeats), "0" if mode == "untraced" else "10"])[0].splitlines()
        return [float(line.split()[0]) for line in lines if line]

    heading(f"fib({number}), ns a call, {count * repeats} slices of half a millisecond: the quietest twentieth, and the middle")
    quietest(rounds(count, modes, measure, tools.forget))


def quietest(got):
    """A table of slices' times of a call, as `rounds` gives them."""
    times = {mode: sum(values, []) for mode, values in got.items()}
    quiet = {mode: statistics.quantiles(values, n=20)[0] for mode, values in times.items()}
    middle = {mode: median(values) for mode, values in times.items()}
    table([(m, *(f"{t[m]:.2f}" for t in (quiet, middle)), *(f"{t[m] - t['untraced']:.2f}" for t in (quiet, middle)))
           for m in times], ["quiet", "middle", "above, quiet", "above, middle"])


def lua_slices(tools, count, strings, runs):
    """The same for Lua: the script runs again and again, with `strings` strings."""
    program = run([os.path.join(ROOT, "Tools", "workload.sh"), "lua"])[0].split()[-1]
    script = os.path.join(ROOT, "Tools", "workloads", "strings.lua")
    modes = {
        "untraced": [],
        "count": tools.record("slices", "--level", "count"),
        "graph, untimed": tools.record("slices", "--no-time"),
        "graph, timed": tools.record("slices"),
    }

    def calls(number):
        run([*modes["count"], program, os.path.join(HERE, "slices.lua"), script, str(strings), str(number)])
        return tools.info("slices")["calls"]

    a_slice = (calls(4) - calls(2)) / 2

    def measure(mode, prefix):
        _, errors, _ = run([*prefix, program, os.path.join(HERE, "slices.lua"), script, str(strings), str(runs)])
        return [float(line.split()[1]) / a_slice for line in errors.splitlines() if line.startswith("slice ")]

    heading(f"lua5.4, {os.path.basename(script)}, {strings:,} strings ({a_slice / 1e6:.1f} million calls), ns a call,"
            f" {count * runs} runs: the quietest twentieth, and the middle")
    quietest(rounds(count, modes, measure, tools.forget))


def lua(tools, targets, count, quick, clock):
    program = run([os.path.join(ROOT, "Tools", "workload.sh"), "lua"])[0].split()[-1]
    script = os.path.join(ROOT, "Tools", "workloads", "strings.lua")
    warm = "20000"
    command = [program, os.path.join(HERE, "timed.lua"), script, warm, *(["50000"] if quick else [])]
    modes = {
        "untraced": [],
        "count": tools.record("lua-count", "--level", "count"),
        "graph, untimed": tools.record("lua-untimed", "--no-time"),
        "graph, timed": tools.record("lua"),
        "uftrace": tools.uftrace(),
    }
    walls = {mode: [] for mode in modes}

    def measure(mode, prefix):
        _, errors, wall = run([*prefix, *command])
        walls[mode].append(wall)
        marked = [line.split()[1] for line in errors.splitlines() if line.startswith("processor ")]
        if not marked:
            raise Failure(f"{mode}: the script did not say its processor time\n{errors}")
        return float(marked[-1])

    run([*modes["count"], *command[:4], warm])
    warming = tools.info("lua-count")["calls"] // 2
    heading(f"lua5.4, {os.path.basename(script)}, default buffers, lossless, warmed up, {count} rounds")
    got = rounds(count, modes, measure, tools.forget)
    info = tools.info("lua")
    calls = info["calls"]
    if info["lost"]:
        raise Failure(f"lua: {info['lost']} calls lost")

    def a_call(mode):
        return above(got, mode) / (calls - warming) * 1e9

    rows = [(m, f"{median(v):.2f} s", f"{median(walls[m]):.2f} s", f"{a_call(m):.2f}",
             f"{above(walls, m) / calls * 1e9:.2f}") for m, v in got.items()]
    table(rows, ["processor", "wall", "ns a call above", "wall, ns above"])
    waits = [f"{tools.info(name)['slow_paths'].get('waits', 0)} times {mode}" for name, mode in
             (("lua", "timed"), ("lua-untimed", "untimed"))]
    print(f"  {calls} calls; in the last round the program waited for room {', '.join(waits)}")
    targets.check(f"lua: count at most {COUNT:g} ns a call", a_call("count") <= COUNT, f"{a_call('count'):.2f} ns")
    targets.check(f"lua: untimed graph at most {UNTIMED:g} ns a call", a_call("graph, untimed") <= UNTIMED,
                  f"{a_call('graph, untimed'):.2f} ns")
    timed = a_call("graph, timed")
    targets.check(f"lua: timed graph at most {TIMED:g} × two timestamp reads", timed <= TIMED * clock,
                  f"{timed:.2f} ns, {timed / clock:.2f} ×")
    peer = a_call("uftrace")
    targets.check(f"lua: uftrace at least {SLOWER_TIMED:g} × slower than timed graph", peer >= SLOWER_TIMED * timed,
                  f"{peer:.1f} ns, {peer / timed:.1f} ×")
    targets.check(f"lua: uftrace at least {SLOWER_UNTIMED:g} × slower than untimed graph",
                  peer >= SLOWER_UNTIMED * a_call("graph, untimed"), f"{peer / a_call('graph, untimed'):.1f} ×")
    share = median(walls["graph, timed"]) / median(walls["uftrace"])
    targets.check(f"lua: wall time, timed and lossless, at most {LUA_WALL:g} of uftrace's", share <= LUA_WALL,
                  f"{median(walls['graph, timed']):.2f} s of {median(walls['uftrace']):.2f} s, {share:.2f}")
    size(targets, "lua", info)
    spent = median([run([tools.apus, "report", trace("lua")])[2] for _ in range(count)])
    targets.check(f"report at least {REPORT_RATE / 1e6:g} million calls/s", calls / spent >= REPORT_RATE,
                  f"{calls / spent / 1e6:.0f} million calls/s ({spent:.2f} s of wall time)")


def size(targets, name, info):
    share = info["bytes"] / info["calls"]
    targets.check(f"{name}: the file at most {FILE_BYTES:g} bytes a call", share <= FILE_BYTES,
                  f"{share:.2f} bytes ({info['calls']} calls)")


def sqlite(tools, targets):
    program = run([os.path.join(ROOT, "Tools", "workload.sh"), "sqlite3"])[0].split()[-1]
    script = os.path.join(ROOT, "Tools", "workloads", "joins.sql")
    heading("sqlite3, joins.sql, timed")
    run([*tools.record("sqlite3"), program, ":memory:"], stdin=script)
    size(targets, "sqlite3", tools.info("sqlite3"))


def shared_memory(pid):
    """KiB of shared memory that a process has touched; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssShmem:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def peak_memory(command):
    """MiB at the most: apus' peak resident set, its view of shared buffers included (wait4), and the most shared memory that
    the program had touched (sampled). Pages that both have touched are counted twice: an upper bound."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    most = 0
    over = threading.Event()

    def sample():
        nonlocal most
        while not over.wait(0.05):
            try:
                with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
                    most = max([most] + [shared_memory(int(child)) for child in children.read().split()])
            except OSError:
                pass

    sampler = threading.Thread(target=sample)
    sampler.start()
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    over.set()
    sampler.join()
    if process.returncode != 0:
        raise Failure(f"{' '.join(command)}: status {process.returncode}\n{errors.decode(errors='replace')}")
    return (usage.ru_maxrss + most) / 1024, usage.ru_maxrss / 1024, most / 1024


def memory(tools, targets, quick):
    program = os.path.join(OUT, "fib")
    repeats = 36 if quick else 372
    calls = 2692537 * repeats
    heading(f"{calls / 1e9:.2f} billion calls, timed, lossless, default buffers")
    start = time.monotonic()
    both, own, shared = peak_memory([*tools.record("calls"), program, "30", str(repeats - 2), "0"])
    spent = time.monotonic() - start
    info = tools.info("calls")
    if info["calls"] != calls or info["lost"]:
        raise Failure(f"{info['calls']} calls recorded and {info['lost']} lost, {calls} made")
    print(f"  {spent:.1f} s, {spent / calls * 1e9:.1f} ns of wall time a call; the file has {info['bytes'] / calls:.2f} bytes a call;"
          f" the program waited {info['slow_paths'].get('waits', 0)} times")
    os.remove(trace("calls"))
    targets.check(f"peak memory under {MEMORY:g} MiB", both < MEMORY,
                  f"{both:.0f} MiB (apus at most {own:.0f}, its view of the buffers included; the program's shared {shared:.0f})")


def tail_calls(tools, quick):
    program = compile_c("tail_calls", ["-O2", "-g", "-fpatchable-function-entry=5"])
    count = 10**7 if quick else 10**8
    heading(f"{count:,} mutual tail calls, timed")
    plain = run([program, str(count)])
    both, own, _ = peak_memory([*tools.record("tail"), program, str(count)])
    traced = run([*tools.record("tail"), program, str(count)])
    if plain[0] != traced[0]:
        raise Failure("tail_calls: another result under apus")
    info = tools.info("tail")
    if info["calls"] < count or info["lost"]:
        raise Failure(f"tail_calls: {info['calls']} calls recorded, {info['lost']} lost")
    print(f"  {traced[2]:.2f} s ({plain[2]:.2f} s untraced), {info['calls']} calls, {both:.0f} MiB at most")


def instructions():
    heading("Instructions of one traced call, executed in the emulator: before the body + after it")
    columns, lines = call_instructions.rows(call_instructions.measure())
    table(lines, columns)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--apus", default=os.path.join(ROOT, ".build", "release", "apus"))
    parser.add_argument("--quick", action="store_true", help="three rounds, smaller programs")
    parser.add_argument("--rounds", type=int, default=0, help="rounds (5, or 3 with --quick)")
    options = parser.parse_args()
    os.makedirs(OUT, exist_ok=True)
    tools = Tools(os.path.abspath(options.apus))
    targets = Targets()
    count = max(1, options.rounds or (3 if options.quick else 5))
    uname = os.uname()
    print(f"{uname.sysname} {uname.release} {uname.machine}, {os.cpu_count()} processors; {run(['uftrace', '--version'])[0].strip()}")
    print(f"load before: {' '.join(f'{x:.2f}' for x in os.getloadavg())} (should be near 0)")
    instructions()
    clock = fib(tools, targets, count, options.quick)
    slices(tools, count, options.quick)
    lua(tools, targets, count, options.quick, clock)
    # What fits in the processor's own caches, and what does not.
    lua_slices(tools, count, 5000, 12 if options.quick else 40)
    lua_slices(tools, count, 60000, 4 if options.quick else 10)
    sqlite(tools, targets)
    memory(tools, targets, options.quick)
    tail_calls(tools, options.quick)
    print(f"\nload after: {' '.join(f'{x:.2f}' for x in os.getloadavg())}")
    print(f"{targets.count - targets.missed} of {targets.count} figures reached, {targets.missed} missed")


if __name__ == "__main__":
    try:
        main()
    except (Failure, call_instructions.Failure) as failure:
        progress("")
        print(f"benchmark failed: {failure}", file=sys.stderr)
        sys.exit(1)
