"""What becomes of the file that a recording is to be written to."""

import json
import os
import shutil
import subprocess
import time

from behaviour_processes import NOBODY
from command import Run, check, equal


def test_what_fails_to_start_leaves_an_older_trace(bench):
    """Whatever stands in the way of a recording, the file of that name stays as it is, and no new one appears."""
    older = bench.record([], "calls").path
    with open(older, "rb") as file:
        data = file.read()
    linked = bench.file()
    os.symlink(older, linked)
    calls = bench.path("calls")
    dangling, missing = bench.file(), bench.file()
    os.symlink(missing, dangling)
    for status, arguments in (
        (127, ["/no/such/program"]), (126, ["/etc/passwd"]), (126, [bench.directory]), (125, [bench.path("bare")]),
        (125, ["/bin/true"]), (125, ["--buffer", "1", calls]), (125, []), (125, ["-f", "no_such_function", calls]),
        (125, ["-x", "*", calls]), (125, ["--root", "no_such_function", calls]), (125, ["--module", "nothing", calls]),
        (125, ["--level", "count", "-f", "no_such_function", bench.path("threads")]),
    ):
        for name in (older, linked):
            bench.run("record", "-o", name, *arguments).expect(status)
            with open(older, "rb") as file:
                check(file.read() == data, arguments, "changes an older trace")
        check(os.path.islink(linked), arguments, "replaces a link")
        bench.run("record", "-o", dangling, *arguments).expect(status)
        check(os.path.islink(dangling) and not os.path.exists(missing), arguments, "a link, or what it leads to")
        fresh = bench.file()
        bench.run("record", "-o", fresh, *arguments).expect(status)
        check(not os.path.exists(fresh), arguments, "leaves a file")
    program = os.path.join(bench.directory, "overwritten")
    shutil.copy(calls, program)
    bench.run("record", "-o", program, program).expect(126, err="Text file busy")
    Run([program]).expect(0, out="6\n")


def test_two_recordings_do_not_write_one_file(bench):
    """The second is refused, before its program runs, and the first is whole; under another name of the file too."""
    trace, linked = bench.file(), bench.file()
    os.symlink(trace, linked)
    first = subprocess.Popen([bench.apus, "record", "-o", trace, "--", bench.path("later"), "1000"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        equal(first.stdout.readline(), "ready\n")
        for name in (trace, linked):
            bench.run("record", "-o", name, bench.path("calls")).expect(125, out="", err=[name, "another apus", "-o"])
        bench.run("info", trace).expect(0)
        out, errors = first.communicate("go\n", timeout=20)
    finally:
        if first.poll() is None:
            first.kill()
            first.communicate()
    equal((first.returncode, out), (0, "1000\n"), errors)
    info = bench.trace(trace).info()
    check(info["complete"] and info["calls"] == 2001, info)
    bench.run("record", "-o", linked, bench.path("calls")).expect(0)
    # One that was killed has nothing any more.
    killed = subprocess.Popen([bench.apus, "record", "-o", trace, "--", bench.path("later"), "1000"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        equal(killed.stdout.readline(), "ready\n")
        killed.kill()
        killed.wait()
        bench.run("record", "-o", trace, bench.path("calls")).expect(0)
    finally:
        killed.kill()
        out, _ = killed.communicate("go\n", timeout=20)
    equal(out, "1000\n")


def test_a_new_trace_takes_the_place_of_an_older_one(bench):
    """Whole, through links, where no other file can be made, and in what is no plain file."""
    path = bench.record([], "many", "300000", status=3).path
    bench.run("record", "-o", path, bench.path("calls")).expect(0)
    check(bench.trace(path).info()["complete"] and bench.trace(path).info()["calls"] == 10, "something of the older is left")
    linked, missing = bench.file(), bench.file()
    os.symlink(missing, linked)
    bench.run("record", "-o", linked, bench.path("calls")).expect(0)
    check(os.path.islink(linked) and bench.trace(missing).info()["complete"], "not through the link")
    directory = os.path.join(bench.directory, "closed")
    os.mkdir(directory)
    only = os.path.join(directory, "t")
    shutil.copy(path, only)
    os.chmod(only, 0o666)
    os.chmod(directory, 0o555)
    prefix = NOBODY if os.geteuid() == 0 else []
    Run([*prefix, bench.apus, "record", "-o", only, bench.path("depth")], cwd=directory).expect(0)
    equal(bench.trace(only).info()["calls"], 53)
    os.chmod(directory, 0o755)
    bench.run("record", "-o", "/dev/null", bench.path("calls")).expect(0)
    pipe = bench.file()
    os.mkfifo(pipe)
    for program, status in (("calls", 0), ("/no/such/program", 127)):
        reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
        bench.run("record", "-o", pipe, bench.programs.get(program, program)).expect(status)
        data, _ = reader.communicate(timeout=20)
        if status == 0:
            with open(path, "wb") as file:
                file.write(data)
            equal(bench.trace(path).info()["calls"], 10)
        else:
            equal(data, b"")


def test_a_trace_is_read_while_it_is_recorded(bench):
    path = bench.record([], "many", "300000", status=3).path
    process = subprocess.Popen([bench.apus, "record", "-o", path, bench.path("later"), "1000000"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    equal(process.stdout.readline(), "ready\n")
    for _ in range(200):
        running = bench.run("info", path, "--format", "json")
        if running.status == 0 and json.loads(running.out)["calls"] > 0:
            break
        time.sleep(0.02)
    running.expect(0)
    check(not json.loads(running.out)["complete"], "complete before its end")
    check("main" in bench.run("report", path).expect(0).out, "main is not there")
    out, err = process.communicate("go\n", timeout=20)
    equal((out, process.returncode), ("1000000\n", 0), err)
    check(bench.trace(path).info()["complete"], "not complete after its end")
