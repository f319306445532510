#!/usr/bin/env python3
"""Kills `apus record` with SIGKILL at random moments; the program it records must finish with the right output.

  kill.py APUS [--times 200] [--seed N] [--rounds N] [--limit SECONDS]

The program (cpu_threads: three threads that only call) writes its process id and its result to files, and outlives apus,
its parent. Half the runs use --on-full wait, half drop; the buffers are small, so that under wait a writer is blocked most
of the time: the run that is not killed must say so. A third of the kills fall into start-up, the rest anywhere in the run, whose length is measured first; the
moments come from a seeded generator. Half of all kills at least must meet a program that has not finished. Each run is reported if
it fails; the closing line is "N passed, N failed".
"""

import argparse
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import programs  # noqa: E402

BUFFER = "64K"
# Of three writers, in ten million calls that fill the buffer 2,500 times.
MANY_WAITS = 100


def process_state(pid):
    """The one-letter state, or None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None


def tracer_of(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("TracerPid"))
    except (OSError, StopIteration):
        return 0


def is_ours(pid, binary):
    """Whether `pid` is still the program that we started (and not a later process of that number)."""
    try:
        return os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(binary)
    except OSError:
        return False


def session_members(session):
    """Living processes of a session that we started: apus' children stay in it when apus is gone."""
    members = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if int(fields[3]) == session and fields[0] not in "ZX":
                members.append(int(entry))
    return members


PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Makes this process the parent of programs whose apus is gone, so that it learns their status."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_CHILD_SUBREAPER): {os.strerror(ctypes.get_errno())}")


def final_status(pid):
    """The exit status of an adopted program that has ended (128 + n after a signal), None if it was never ours."""
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


class LeftBehind(Exception):
    """Killed apus left processes that neither become the program nor end."""


class Run:
    """One recorded run in a directory of its own."""

    def __init__(self, apus, binary, rounds, policy, directory):
        self.binary = binary
        self.result, self.pid_file = os.path.join(directory, "result"), os.path.join(directory, "pid")
        self.trace = os.path.join(directory, "trace")
        self.command = [apus, "record", "-o", self.trace, "--buffer", BUFFER, "--on-full", policy, "--",
                        binary, str(rounds), self.result, self.pid_file]

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, start_new_session=True)
        return self.process

    def program_pid(self):
        """The program's id: by its own file, or, before it could write that, among its session."""
        try:
            with open(self.pid_file) as file:
                return int(file.read())
        except (OSError, ValueError):
            return next((p for p in session_members(self.process.pid) if is_ours(p, self.binary)), None)

    def kill(self):
        """Ends apus as the kernel does it; gives the program's id if it had been started, or None if there is nothing left
        of the run: a child that was not yet the program may go on and become it, or end."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        end = time.monotonic() + 5
        while (pid := self.program_pid()) is None and session_members(self.process.pid):
            if time.monotonic() > end:
                raise LeftBehind(session_members(self.process.pid))
            time.sleep(0.002)
        return pid or self.program_pid()


def wait_for_program(run, pid, expected, limit):
    """None if the program finished rightly, or what went wrong."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if pid is None:
            pid = run.program_pid()
        if os.path.exists(run.result):
            with open(run.result) as file:
                got = file.read()
            if got != expected:
                return f"wrong result:\n{got}not:\n{expected}"
            while time.monotonic() < end:
                state = process_state(pid) if pid and is_ours(pid, run.binary) else "Z" if pid else None
                if state in (None, "Z"):
                    status = final_status(pid) if pid else None
                    return f"right result, but status {status}" if status else None
                time.sleep(0.005)
            return "it wrote its result, but did not end"
        if pid is not None and (process_state(pid) in (None, "Z") or not is_ours(pid, run.binary)):
            if os.path.exists(run.result):
                continue
            return f"it died without a result, status {final_status(pid)}"
        time.sleep(0.005)
    state = process_state(pid) if pid else None
    if pid is not None and is_ours(pid, run.binary):
        os.kill(pid, signal.SIGKILL)
        final_status(pid)
    return f"no end after {limit} s (state {state}, traced by {tracer_of(pid) if pid else 0})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus")
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=800, help="work of the program (800: ten million calls)")
    parser.add_argument("--limit", type=float, default=30, help="seconds that the program may go on after the kill")
    parser.add_argument("--cache", default=programs.DEFAULT_CACHE)
    options = parser.parse_args()
    adopt_orphans()
    apus = os.path.abspath(options.apus)
    program = next(p for p in programs.load("cpu_threads") if p.variant is None)
    programs.build(program, options.cache)
    untraced = programs.run([program.path, str(options.rounds)], 60)
    if untraced.status != 0:
        sys.exit(f"the program failed untraced: status {untraced.status}")
    expected = untraced.output.decode()
    chance = random.Random(options.seed)
    passed = failed = before_start = effective = 0

    # How long a recorded run takes, and how long apus needs until the program runs, for each policy.
    lengths = {}
    for policy in ("wait", "drop"):
        with tempfile.TemporaryDirectory() as directory:
            run = Run(apus, program.path, options.rounds, policy, directory)
            begin = time.monotonic()
            process = run.start()
            while process.poll() is None and not os.path.exists(run.pid_file):
                time.sleep(0.001)
            started = time.monotonic() - begin
            try:
                _, errors = process.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                run.kill()
                sys.exit(f"apus record --on-full {policy} did not end within 120 s")
            if process.returncode != 0 or open(run.result).read() != expected:
                sys.exit(f"apus record --on-full {policy}: status {process.returncode}\n{errors.decode(errors='replace')}")
            lengths[policy] = (started, time.monotonic() - begin)
            info = programs.run([apus, "info", run.trace, "--format", "json"], 60)
            waits = json.loads(info.output)["slow_paths"]["waits"]
            if policy == "wait" and waits < MANY_WAITS:
                sys.exit(f"writers waited for room {waits} times only: no kill is likely to meet one")
            print(f"{policy}: the program runs after {started * 1000:.0f} ms, all ends after {lengths[policy][1]:.2f} s;"
                  f" writers waited {waits} times")

    for time_number in range(options.times):
        policy = ("wait", "drop")[time_number % 2]
        started, length = lengths[policy]
        delay = chance.uniform(0, started * 1.2) if time_number % 3 == 0 else chance.uniform(started * 0.8, length)
        directory = tempfile.mkdtemp()
        run = Run(apus, program.path, options.rounds, policy, directory)
        begin = time.monotonic()
        process = run.start()
        time.sleep(max(0.0, begin + delay - time.monotonic()))
        try:
            pid = run.kill()
            effective += pid is not None and not os.path.exists(run.result)
            problem = wait_for_program(run, pid, expected, options.limit) if pid is not None else None
            before_start += pid is None
        except LeftBehind as left:
            problem = f"processes {left} never became the program (states {[process_state(p) for p in left.args[0]]})"
            for stuck in left.args[0]:
                os.kill(stuck, signal.SIGKILL)
                final_status(stuck)
        process.stderr.close()
        if problem is None:
            passed += 1
        else:
            failed += 1
            print(f"FAIL kill {time_number} ({policy}, after {delay * 1000:.1f} ms): {problem}", flush=True)
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{before_start} kills came before there was a program, {effective} before it had finished")
    if effective < options.times / 2:
        sys.exit("too few kills met the program")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
