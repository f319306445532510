"""`record --symbols`: gdb's backtrace goes through recorded frames."""

import json
import os
import signal
import subprocess
import time

from command import LIMIT, check, equal

# What gdb runs: `frames` gives names and arguments from the innermost frame outwards.
HEAD = """
import gdb, json
for setting in ("pagination off", "confirm off", "debuginfod enabled off"):
    gdb.execute("set " + setting)

def frames():
    result, frame = [], gdb.newest_frame()
    while frame is not None and len(result) < 40:
        function = frame.function()
        arguments = {}
        for symbol in frame.block() if function else ():
            if symbol.is_argument:
                arguments[symbol.name] = str(symbol.value(frame))
        result.append((frame.name(), arguments))
        if frame.name() == "main":
            break
        frame = frame.older()
    return result

def say(what, value):
    print("SAY " + json.dumps([what, value]))
"""


class Orphan:
    """A program whose recorder has been killed while it waits in `middle`: it runs on, and gdb may have it."""

    def __init__(self, bench, options):
        self.directory = bench.directory
        self.symbols = bench.file(".symbols")
        self.record = subprocess.Popen(
            [bench.apus, "record", "-o", bench.file(), "--symbols", self.symbols, *options, bench.path("nested")],
            stdout=subprocess.PIPE)
        line = self.record.stdout.readline()
        with open(f"/proc/{self.record.pid}/task/{self.record.pid}/children") as file:
            self.pid = int(file.read().split()[0])
        self.record.kill()
        self.record.wait()
        equal(line, b"ready\n", "the program")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.record.stdout.close()

    def gdb(self, script):
        path = self.symbols + ".py"
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEAD + script)
        # The kernel may take a moment to see that nobody traces the program any more.
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            with open(f"/proc/{self.pid}/status") as file:
                if "TracerPid:\t0\n" in file.read():
                    break
        done = subprocess.run(["gdb", "-q", "-nx", "-batch", "-p", str(self.pid), "-x", path], capture_output=True,
                              timeout=3 * LIMIT, cwd=self.directory)
        text = done.stdout.decode(errors="replace")
        said = [json.loads(line[4:]) for line in text.splitlines() if line.startswith("SAY ")]
        check(done.returncode == 0 and said, f"gdb: {text}\n{done.stderr.decode(errors='replace')}")
        return said

    def released(self, function, script):
        """What gdb says at a breakpoint in a function that a recorded one calls."""
        return self.gdb(f'gdb.execute("set var released = 1")\ngdb.execute("break {function}")\ngdb.execute("continue")\n' + script)


def own(frames):
    """Without the trampolines between them."""
    return [frame for frame in frames if not (frame[0] or "").startswith("apus:")]


CALLERS = [["middle", {"a": "21", "b": "22"}], ["outer", {"n": "21"}], ["main", {}]]


def test_backtrace_through_recorded_frames(bench):
    """With the symbols it has every caller, with its arguments; without them it does not get through."""
    for options in ([], ["--no-time"], ["--regs", "*"], ["--min-duration", "1ms"], ["--root", "outer"]):
        with Orphan(bench, options) as orphan:
            script = f"""
say("without", frames())
gdb.execute("add-symbol-file {orphan.symbols}")
say("with", frames())
gdb.execute("finish")
gdb.execute("up")
say("after", frames())
gdb.execute("kill")
"""
            said = dict(orphan.released("inspect", script))
            without, through = said["without"], said["with"]
            check(own(through)[2:] != own(without)[2:] and CALLERS[1] not in without, options, "nothing to see:", without)
            equal([name for name, _ in own(through)], ["inspect", "leaf", "middle", "outer", "main"], options)
            equal(own(through)[0], ["inspect", {"x": "86"}], options)
            equal(own(through)[2:], CALLERS, options)
            # hop has gone on with leaf in its own frame.
            names = [name for name, _ in through]
            equal([n for n in names if n.startswith("apus:")], ["apus:hop", "apus:middle", "apus:outer"], options)
            equal(own(said["after"])[-3:], CALLERS, options)


def test_backtrace_from_every_instruction(bench):
    """From each of the instructions that lead from a recorded function into another and back, in a trampoline too."""
    with Orphan(bench, ["-x", "hop", "-x", "main"]) as orphan:
        script = f"""
gdb.execute("add-symbol-file {orphan.symbols}")
for step in range(150):
    say(step, frames())
    if gdb.newest_frame().name() == "middle":
        break
    gdb.execute("stepi", to_string=True)
gdb.execute("kill")
"""
        said = orphan.released("hop", script)
        inside = set()
        for step, found in said:
            inside.add(found[0][0])
            callers = own(found)
            names = [name for name, _ in callers]
            check(set(names[:-3]) <= {"hop", "leaf", "inspect"}, step, found)
            equal(callers[-3:], CALLERS, step)
        check({"hop", "apus:leaf", "leaf", "inspect", "middle"} <= inside, "seen:", inside)
