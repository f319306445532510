"""`record --remote`: programs under gdbserver on this machine, their buffers shared with it or not."""

import os
import socket
import subprocess

from command import check, equal

# A /dev/shm of the server's own: nothing can be shared with it.
APART = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh"]
MODES = [(prefix, mode) for prefix in ([], APART) for mode in ([], ["--all-stop"])]
LIMIT = "15"


class Server:
    """gdbserver with a program, or without one (--multi), on a port of its own; the program is a process group of its own."""

    def __init__(self, bench, *words, prefix=(), options=()):
        self.log = bench.file(".log")
        self.output = open(self.log, "wb+")
        self.process = subprocess.Popen(
            ["timeout", LIMIT, *prefix, "setsid", "gdbserver", "--once", *options, "127.0.0.1:0", *words],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, cwd=bench.directory)
        self.address = None
        while self.address is None:
            check(self.process.poll() is None, "gdbserver has ended:", self.text())
            for line in self.text().splitlines():
                if line.startswith("Listening on port "):
                    self.address = "127.0.0.1:" + line[18:]

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.output.close()


def record(bench, options, words, status, prefix=()):
    """Records what gdbserver has; gives the trace and what the server and the program printed."""
    trace = bench.file()
    with Server(bench, *words, prefix=prefix) as server:
        run = bench.run("record", "--remote", server.address, "-o", trace, *options)
        run.expect(status)
        server.process.wait(timeout=5)
        text = server.text()
    result = bench.trace(trace)
    result.made = run
    return result, text


def test_a_remote_record_tells_what_a_local_one_does(bench):
    cases = [
        (["--level", "count"], "calls", []), (["--level", "entry"], "calls", ["7"]), ([], "calls", []),
        (["--buffer", "4K"], "threads", []), (["--level", "count"], "threads", []), (["--regs", "unit"], "threads", []),
        ([], "plugs", [bench.path("plugin.so")]), ([], "static", []), ([], "ends", ["abort"]), ([], "ends", ["_exit"]),
        (["--buffer", "4K"], "forks", []), ([], "execs", []),
    ]
    for options, program, arguments in cases:
        here = bench.run("record", "-o", bench.file(), *options, "--", bench.path(program), *arguments)
        local = bench.trace(here.arguments[3]).calls()
        for prefix, mode in MODES:
            what = f"{options} {program} {mode} {prefix[:1]}"
            trace, text = record(bench, [*options, *mode], [bench.path(program), *arguments], here.status, prefix)
            got = trace.calls()
            if program == "forks" and mode:
                # While a vfork child runs on its parent's context, nothing is recorded of either.
                check(got.keys() <= local.keys() and all(got[name] <= local[name] for name in got), what, got, local)
            else:
                equal(got, local, what)
            check("calls lost" not in trace.made.err, what, trace.made.err)
            # Numbers of threads are others each time.
            for line in here.out.splitlines() if program != "threads" else []:
                check(line in text, f"{what}: {line!r} was not printed:", text)


def test_remote_calls_that_find_no_room_are_counted(bench):
    local = sum(bench.record([], "threads").calls().values())
    for prefix, mode in MODES:
        trace, _ = record(bench, ["--buffer", "4K", "--on-full", "drop", "--level", "entry", *mode], [bench.path("threads")], 0, prefix)
        info = trace.info()
        equal(info["calls"] + info["lost"], local, f"{mode} {prefix[:1]}")


def test_remote_times_go_on(bench):
    """A call's time is that between its events, by the counter of the program's machine."""
    for prefix, mode in MODES:
        trace, _ = record(bench, mode, [bench.path("calls")], 0, prefix)
        rows = trace.replay()
        equal([(row["name"], row["depth"]) for row in rows][:3], [("main", 0), ("a", 1), ("b", 2)], "order")
        check(all(0 <= row["duration_ns"] <= 10_000_000_000 for row in rows), rows)


def test_a_server_starts_the_program(bench):
    with Server(bench, options=["--multi"]) as server:
        trace = bench.file()
        bench.run("record", "--remote", server.address, "-o", trace, "--", bench.path("calls"), "6").expect(6)
    equal(bench.trace(trace).calls(), {"main": 1, "a": 1, "b": 2, "c": 6})


def test_remote_refusals(bench):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        bench.run("record", "--remote", f"127.0.0.1:{port}").expect(125, err="no server")
    for words, why in [(["--remote", "nonsense", "true"], "HOST:PORT"), (["--all-stop", "true"], "needs --remote")]:
        bench.run("record", *words).expect(125, err=why)
    for words, arguments, why in [
        ([], [], "has no program yet"),
        ([bench.path("calls")], [bench.path("calls")], "has a program already"),
        ([bench.path("bare")], [], "-fpatchable-function-entry"),
        ([bench.path("calls")], ["-f", "nothing"], "none of the"),
    ]:
        with Server(bench, *words, options=[] if words else ["--multi"]) as server:
            trace = bench.file()
            bench.run("record", "--remote", server.address, "-o", trace, *arguments).expect(125, err=why)
            check(not os.path.exists(trace), "a trace of nothing")


def test_a_lost_connection_is_told(bench):
    """The server ends: what was recorded can be read, and is not said to be all."""
    trace = bench.file()
    with Server(bench, bench.path("waits")) as server:
        process = subprocess.Popen([bench.apus, "record", "--remote", server.address, "-o", trace],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=bench.directory)
        while not os.path.exists(trace) or os.path.getsize(trace) < 64:
            check(process.poll() is None, "apus has ended")
        subprocess.run(["pkill", "-KILL", "-P", str(server.process.pid)], check=True)
        _, errors = process.communicate(timeout=15)
    equal(process.returncode, 125, errors)
    check(b"closed the connection" in errors, errors)
    equal(bench.run("info", trace).status, 0)
