"""Signals, terminals, children, libraries, and users without privileges."""

import os
import pty
import select
import shutil
import signal
import subprocess
import time

from command import Run, check, ended, equal

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]


def started(bench, program, *arguments, **more):
    """A recording that runs, and the trace's path."""
    trace = bench.file()
    process = subprocess.Popen([bench.apus, "record", "-o", trace, bench.path(program), *arguments],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    return process, trace


def test_signals_to_apus_reach_the_program(bench):
    process, trace = started(bench, "waits")
    check(process.stdout.readline().startswith("ready "))
    for count in range(3):
        process.send_signal(signal.SIGUSR1)
        equal(process.stdout.readline(), f"signal {int(signal.SIGUSR1)}\n")
    process.send_signal(signal.SIGTERM)
    out, err = ended(process)
    equal(out, f"signal {int(signal.SIGTERM)}\n", err)
    equal(process.returncode, 44, err)
    equal(bench.trace(trace).calls(), {"main": 1, "say": 5, "on_signal": 4})


def test_a_signal_that_ends_the_program(bench):
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2):
        process, trace = started(bench, "waits")
        process.stdout.readline()
        process.send_signal(number)
        _, err = ended(process)
        equal(process.returncode, 128 + number, err)
        equal(bench.trace(trace).calls(), {"main": 1, "say": 1})


def test_a_signal_while_the_program_is_being_set_up(bench):
    """It ends apus before there is a program, or reaches the program: it is never lost."""
    for attempt in range(16):
        process, _ = started(bench, "waits")
        time.sleep(0.004 + 0.0015 * attempt)
        process.send_signal(signal.SIGTERM)
        try:
            _, err = process.communicate(timeout=4)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            ended(process)
            check(False, "SIGTERM was lost in attempt", attempt)
        check(process.returncode in (-15, 143, 41, 125), process.returncode, err)


def test_a_terminals_interrupt_is_the_programs(bench):
    """The interrupt goes to the whole group: the program gets it once, and apus stays to the end."""
    trace = bench.file()
    child, terminal = pty.fork()
    if child == 0:
        os.execv(bench.apus, [bench.apus, "record", "-o", trace, bench.path("waits")])
    text = b""
    sent = False
    status = None
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                part = os.read(terminal, 4096)
            except OSError:
                part = b""
            if not part:
                break
            text += part
            if not sent and b"ready" in text:
                os.write(terminal, b"\x03")
                sent = True
    else:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    equal(os.waitstatus_to_exitcode(status), 41, text)
    check(b"signal 2" in text and b"twice" not in text, text)
    equal(bench.trace(trace).calls(), {"main": 1, "say": 2, "on_signal": 1})


def test_the_standard_input_is_the_programs(bench):
    text = "".join(f"line {n}\n" for n in range(2000))
    trace = bench.record([], "reads", input=text)
    equal(trace.made.out, text.replace("line", "Line"))
    equal(trace.calls(), {"main": 1, "line": 2000})


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def until(what, holds):
    for _ in range(400):
        if holds():
            return
        time.sleep(0.02)
    check(False, what, "does not come")


def test_stop_and_continue(bench):
    """The program is stopped and continued as by a shell's job control; meanwhile it is not scheduled."""
    process, trace = started(bench, "waits")
    program = int(process.stdout.readline().split()[1])
    for _ in range(3):
        os.kill(program, signal.SIGSTOP)
        until("the stop", lambda: state(program) in "tT")
        os.kill(program, signal.SIGUSR1)
        time.sleep(0.1)
        check(state(program) in "tT", "it runs:", state(program))
        check(not select.select([process.stdout], [], [], 0)[0], "a stopped program answers")
        os.kill(program, signal.SIGCONT)
        equal(process.stdout.readline(), f"signal {int(signal.SIGUSR1)}\n")
    os.kill(program, signal.SIGTERM)
    _, err = ended(process)
    equal(process.returncode, 44, err)
    equal(bench.trace(trace).calls(), {"main": 1, "say": 5, "on_signal": 4})


def test_stopping_the_whole_job(bench):
    process, trace = started(bench, "waits", start_new_session=True)
    program = int(process.stdout.readline().split()[1])
    os.killpg(process.pid, signal.SIGSTOP)
    until("the stop", lambda: state(process.pid) == "T" and state(program) in "tT")
    os.killpg(process.pid, signal.SIGCONT)
    os.kill(program, signal.SIGTERM)
    _, err = ended(process)
    equal(process.returncode, 41, err)
    equal(bench.trace(trace).calls(), {"main": 1, "say": 2, "on_signal": 1})


def test_constructors_and_opened_libraries(bench):
    plugin = bench.path("plugin.so")
    for level in ("graph", "entry", "count"):
        trace = bench.record(["--level", level], "plugs", plugin)
        equal(trace.made.out, "20\n")
        equal({(row["module"], row["name"], row["calls"]) for row in trace.report()},
              {("plugs", "main", 1), ("plugs", "own", 2), ("plugs", "before_main", 1), ("plugs", "after_main", 1),
               ("plugin.so", "plugged", 3), ("plugin.so", "plugin_entry", 1), ("plugin.so", "plugin_begins", 1)}, level)
    equal(bench.record([], "plugs", plugin).names()[:2], [("before_main", 0), ("own", 1)])


def test_a_forked_child_goes_on_unrecorded(bench):
    for level in ("graph", "entry", "count"):
        trace = bench.record(["--level", level], "forks", status=4)
        equal(sorted(trace.made.out.split()), ["10", "1000"], level)
        equal(trace.calls(), {"main": 1, "under": 1, "step": 10}, level)
        check("not recorded" in trace.made.err, trace.made.err)


def test_exec(bench):
    trace = bench.record([], "execs", "/bin/sh", "-c", "echo new; exit 7", status=7)
    equal(trace.made.out, "new\n")
    equal(trace.calls(), {"main": 1, "before": 1})
    check("exec" in trace.made.err, trace.made.err)
    rows = trace.replay()
    equal([(row["name"], row["duration_ns"] is None) for row in rows], [("main", True), ("before", False)])
    # What replaces it may have call sites too.
    trace = bench.record([], "execs", bench.path("calls"), "5", status=5)
    equal(trace.calls(), {"main": 1, "before": 1})
    bench.record([], "execs", "/bin/sh", "-c", "kill -9 $$", status=137)


def test_tasks_that_share_a_thread_pointer(bench):
    """Two are noticed, a third is not taken for a thread of its own, and the thread pointer's next owner is recorded."""
    for level in ("graph", "entry"):
        trace = bench.record(["--level", level], "shared")
        equal(trace.made.out, "again\n")
        check("share one thread pointer" in trace.made.err, trace.made.err)
        equal(trace.info()["threads"], 3, level)
        equal(trace.calls(), {"main": 1, "work": 2}, level)
        trace.consistent()
    bench.record(["--level", "count"], "shared")


def public(bench):
    """A directory that nobody may write in."""
    path = os.path.join(bench.directory, "nobody")
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o777)
    return path


def test_without_privileges(bench):
    directory = public(bench)
    prefix = NOBODY if os.geteuid() == 0 else []
    number = 0
    for options, program, arguments, status, out, calls in (
        ([], "identity", [], 0, None, {"main": 1, "who": 1}),
        ([], "calls", ["3"], 3, "6\n", {"main": 1, "a": 1, "b": 2, "c": 6}),
        (["--level", "count"], "calls", [], 0, "6\n", {"main": 1, "a": 1, "b": 2, "c": 6}),
        (["--level", "entry", "--no-time"], "static", [], 0, "6\n", {"main": 1, "a": 1, "b": 2, "c": 6}),
        ([], "plugs", [bench.path("plugin.so")], 0, "20\n", None),
        ([], "threads", [], 0, None, {"main": 1, "work": 3, "unit": 600}),
        ([], "ends", ["abort"], 134, "", {"main": 1, "outer": 1, "inner": 1, "done": 1}),
    ):
        number += 1
        trace = os.path.join(directory, f"{number}.trace")
        run = Run([*prefix, bench.apus, "record", "-o", trace, *options, bench.path(program), *arguments], cwd=directory)
        run.expect(status, out=out)
        if calls:
            equal(bench.trace(trace).calls(), calls, program)
        Run([*prefix, bench.apus, "report", trace], cwd=directory).expect(0)
    run = Run([*prefix, bench.apus, "record", "-o", os.path.join(directory, "x"), bench.path("bare")], cwd=directory)
    run.expect(125, err="no call sites")
    run = Run([*prefix, bench.apus, "record", bench.path("calls")], cwd=bench.directory)
    run.expect(125, out="", err=["apus.trace", "Permission denied"])


def test_programs_that_change_their_user(bench):
    """The kernel does not let an unprivileged tracer have them; each way out must be clear."""
    if os.geteuid() != 0:
        return
    directory = public(bench)
    program = os.path.join(directory, "setuid")
    shutil.copy(bench.path("identity"), program)
    for mode in (0o4755, 0o4711, 0o711):
        os.chmod(program, mode)
        run = Run([*NOBODY, bench.apus, "record", "-o", os.path.join(directory, f"s{mode}"), program], cwd=directory)
        if run.status == 0:
            # It ran: without the file's privileges, and recorded.
            equal(run.out, "65534 65534\n", oct(mode))
            check("2 calls" in run.err, run.err)
        else:
            run.expect(125, out="", err="apus: error: ")
            check(program in run.err, oct(mode), "the message does not name the program:", run.err)
    os.chmod(program, 0o4755)
    os.chown(program, 65534, 65534)
    bench.record([], program)  # as root: privileges are only given up


def test_limits_of_the_program(bench):
    """Few descriptors, little address space: recorded, or one line that says which limit, and the program does not run."""
    limits = [f"ulimit -n {number}" for number in range(4, 20)] + ["ulimit -v 2000000", "ulimit -s 256"]
    for limit in limits:
        trace = bench.file()
        run = Run(["sh", "-c", limit + '; exec "$@"', "sh", bench.apus, "record", "-o", trace, bench.path("calls")])
        if run.status == 0:
            equal(bench.trace(trace).calls(), {"main": 1, "a": 1, "b": 2, "c": 6}, limit)
            equal(run.out, "6\n", limit)
        else:
            run.expect(125, out="", err=["apus: error: ", limit[:9]])
            equal(run.err.count("\n"), 1, limit + ": " + run.err)


def test_a_program_that_limits_its_own_addresses(bench):
    """What is reserved for tracing counts: that must be said."""
    run = bench.run("record", "-o", bench.file(), bench.path("small"))
    check(run.status in (0, 3), run.status, run.err)
    check(run.status == 0 or "RLIMIT_AS" in run.err, run.err)
    check("RLIMIT_AS" not in bench.run("record", "-o", bench.file(), bench.path("calls")).expect(0).err, "without a limit")


def test_functions_that_only_have_the_names_of_hooked_ones(bench):
    """They do what they do untraced."""
    untraced = Run([bench.path("namesakes")]).expect(0)
    for level in ("count", "entry", "graph"):
        trace = bench.record(["--level", level], "namesakes")
        equal(trace.made.out, untraced.out, level)
