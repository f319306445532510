"""gdb's backtrace of programs that were recorded in a machine, from here: with what `record --symbols` has written.

A gdbserver has one connection and a process one tracer, so gdb comes when `apus` is gone: killed while the program waits in a recorded
function. The program runs on with its trampolines, and gdb stops it at a breakpoint in a recorded function's callee.
"""

import base64
import json
import shutil
import subprocess
import threading

import remote
from bench import Job, check, equal, tail

PROGRAM = """
#include <stdio.h>
#include <unistd.h>
#define KEEP __attribute__((noipa))
#define QUIET __attribute__((patchable_function_entry(0, 0)))
#define HERE __asm__ volatile("" ::: "memory")
volatile int released;
QUIET KEEP long inspect(long x) { HERE; return x + 1; }
KEEP long leaf(long x) { x = inspect(x * 2); HERE; return x + 1; }
KEEP long hop(long x) { return leaf(x); }
KEEP long middle(long a, long b) {
  while (!released) usleep(1000);
  long x = hop(a + b);
  HERE;
  return x - a * b;
}
KEEP long outer(long n) { long x = middle(n, n + 1); HERE; return x + n; }
int main(void) { puts("ready"); fflush(stdout); printf("%ld\\n", outer(21)); fflush(stdout); return 0; }
"""
OPTIONS = ["-O2", "-g", "-fpatchable-function-entry=2"]
PRINTED = 21 - 21 * 22 + (21 + 22) * 2 + 1 + 1

SCRIPT = """
import gdb, json
for setting in ("pagination off", "confirm off", "debuginfod enabled off", "sysroot /nonexistent", "auto-solib-add off",
                "remotetimeout 60", "tcp connect-timeout 60"):
    gdb.execute("set " + setting)

def frames():
    result, frame = [], gdb.newest_frame()
    while frame is not None and len(result) < 40:
        result.append(frame.name() or "?")
        if frame.name() == "main":
            break
        frame = frame.older()
    return result

def say(what, value):
    print("SAY " + json.dumps([what, value]), flush=True)

gdb.execute("target remote 127.0.0.1:" + PORT)
gdb.execute("break inspect")
gdb.execute("set var released = 1")
gdb.execute("continue")
say("without", frames())
gdb.execute("add-symbol-file " + SYMBOLS)
say("with", frames())
gdb.execute("finish")
gdb.execute("up")
say("after", frames())
gdb.execute("delete")
gdb.execute("continue")
"""


class Machine:
    """A machine at work, with what it says as it says it."""

    def __init__(self, job, script, port):
        job.put("script", script.encode())
        command = job.command(["sh", "script"], ["--timeout", str(remote.SECONDS), "--forward", f"{port}:1234"])
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said, self.news = b"", threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.said += line
                self.news.notify_all()
        self.process.wait()
        with self.news:
            self.news.notify_all()

    def wait(self, text, times=1):
        """Returns when it has said this so often."""
        with self.news:
            self.news.wait_for(lambda: self.said.count(text) >= times or self.process.poll() is not None)
            check(self.said.count(text) >= times, f"the machine says {text!r} {times} times:\n{tail(self.said)}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()


def backtrace(job, port, symbols):
    """What gdb says, until the program has ended."""
    script = job.directory / "script.py"
    script.write_text(f"PORT = '{port}'\nSYMBOLS = {str(symbols)!r}\n{SCRIPT}")
    done = subprocess.run(["gdb-multiarch", "-q", "-nx", "-batch", job.directory / "in/nested", "-x", script], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=remote.SECONDS)
    said = dict(json.loads(line[4:]) for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("SAY "))
    check(done.returncode == 0 and len(said) == 3, f"gdb: {done.returncode}\n{tail(done.stdout)}\n{tail(done.stderr)}")

    def own(frames):
        return [name for name in frames if not name.startswith("apus:")]

    through = said["with"]
    check(own(through)[1:] != own(said["without"])[1:] and "outer" not in said["without"], f"without symbols: {said['without']}")
    # hop goes on with leaf in its own frame, where the compiler could make it so.
    equal([name for name in own(through) if name != "hop"], ["inspect", "leaf", "middle", "outer", "main"], f"callers in {through}")
    equal([name for name in through if name.startswith("apus:")][-2:], ["apus:middle", "apus:outer"], f"trampolines in {through}")
    equal(own(said["after"])[-3:], ["middle", "outer", "main"], f"callers after `finish` and `up`: {said['after']}")


def test_gdb_after_remote_recording(arch, apus):
    """The recorder, here, is killed; gdbserver takes the next debugger."""
    port = remote.free_port()
    with Job(arch) as job:
        job.compile("nested", PROGRAM, *OPTIONS)
        symbols = job.directory / "symbols"
        with Machine(job, "setsid gdbserver 0.0.0.0:1234 ./nested", port) as machine:
            machine.wait(b"Listening on port")
            record = subprocess.Popen(
                [apus, "record", "--remote", f"127.0.0.1:{port}", "-o", job.directory / "trace", "--symbols", symbols],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                machine.wait(b"\nready\n")
            finally:
                record.kill()
                record.wait()
            machine.wait(b"Remote side has terminated connection")
            backtrace(job, port, symbols)
            machine.wait(f"\n{PRINTED}\n".encode())


def test_gdb_after_recording(_, apus_arm64):
    """The recorder, in the machine, is killed; the program runs on, and gdbserver attaches to it."""
    port = remote.free_port()
    with Job("arm64") as job:
        job.compile("nested", PROGRAM, *OPTIONS)
        shutil.copy(apus_arm64, job.directory / "in/apus")
        script = """
          ./apus record -o /tmp/trace --symbols /tmp/symbols ./nested > /tmp/said & recorder=$!
          until grep -q ready /tmp/said; do sleep 0.1; done
          kill -9 $recorder; wait $recorder
          base64 /tmp/symbols | sed 's/^/symbols /'; echo all symbols
          gdbserver --once --attach 0.0.0.0:1234 $(pidof nested)
          until ! pidof nested; do sleep 0.1; done; cat /tmp/said
        """
        with Machine(job, script, port) as machine:
            machine.wait(b"Listening on port")
            symbols = job.directory / "symbols"
            symbols.write_bytes(base64.b64decode(b"".join(
                line.removeprefix(b"symbols ") for line in machine.said.splitlines() if line.startswith(b"symbols "))))
            backtrace(job, port, symbols)
            machine.wait(f"\n{PRINTED}\n".encode())


TESTS = [test_gdb_after_recording]
REMOTE = [test_gdb_after_remote_recording]
