"""Exit statuses, failures, and what a trace says of a program that did not return."""

import os
import resource
import subprocess

from command import Run, check, equal


def test_the_programs_status_is_ours(bench):
    for status in (0, 1, 3, 125, 126, 127, 255):
        bench.record([], "calls", str(status), status=status).made.expect(status, out="6\n")


def test_a_signal_is_128_and_its_number(bench):
    for how, status in (("abort", 134), ("segv", 139), ("kill", 137), ("term", 143)):
        trace = bench.record([], "ends", how, status=status)
        rows = trace.replay()
        equal([(r["name"], r["depth"], r["duration_ns"] is None) for r in rows],
              [("main", 0, True), ("outer", 1, True), ("inner", 2, True), ("done", 3, False)], how)
        equal(trace.calls(), {"main": 1, "outer": 1, "inner": 1, "done": 1}, how)
        check(trace.info()["complete"], how, "is not a whole trace")


def test_exit_under_frames_leaves_them_open(bench):
    for how in ("exit", "_exit"):
        rows = bench.record([], "ends", how, status=9).replay()
        equal([(r["name"], r["duration_ns"] is None) for r in rows],
              [("main", True), ("outer", True), ("inner", True), ("done", False)], how)


def test_open_frames_at_every_level(bench):
    for options in (["--no-time"], ["--level", "entry"], ["--level", "count"], ["--on-full", "drop"],
                    ["--min-duration", "1ns"]):
        trace = bench.record(options, "ends", "kill", status=137)
        wanted = {"main": 1, "outer": 1, "inner": 1, "done": 1}
        calls = trace.calls()
        if "--min-duration" in options:
            wanted.pop("done")
            calls.pop("done", None)  # how long it took is not ours to say
        equal(calls, wanted, str(options))


def test_programs_that_cannot_be_run(bench):
    bench.run("record", "-o", bench.file(), "/no/such/program").expect(127, err="/no/such/program")
    bench.run("record", "-o", bench.file(), "no-such-program-anywhere").expect(127)
    bench.run("record", "-o", bench.file(), "/etc/passwd").expect(126, err="Permission denied")
    bench.run("record", "-o", bench.file(), "/tmp").expect(126)


def test_a_script_is_run_by_its_interpreter(bench):
    script = bench.file(".sh")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f"#!{bench.path('calls')}\n")
    os.chmod(script, 0o755)
    run = bench.run("record", "-o", bench.file(), script)
    run.expect(0, out="6\n")


def test_wrong_usage_of_record_is_125(bench):
    program = bench.path("calls")
    for options in (["--no-such-option"], ["--level", "all"], ["--level", "graph", "--depth", "0"],
                    ["--depth", "many"], ["--buffer", "1"], ["--buffer", "lots"], ["--buffer", "2G"],
                    ["--on-full", "cry"], ["--min-duration", "10 parsecs"], ["--min-duration", "0us"],
                    ["--level", "count", "--depth", "3"], ["--level", "entry", "--root", "a"],
                    ["--level", "count", "--min-duration", "1us"], ["--no-time", "--min-duration", "1us"]):
        run = bench.run("record", "-o", bench.file(), *options, program)
        run.expect(125, out="")
        check(run.err.startswith("Error:") or run.err.startswith("apus: error:"), options, run.err)
    bench.run("record").expect(125)
    bench.run("record", "--").expect(125)


def test_a_program_whose_name_begins_with_a_dash(bench):
    name = os.path.join(bench.directory, "-dash")
    if not os.path.exists(name):
        os.symlink(bench.path("calls"), name)
    env = dict(os.environ, PATH=bench.directory + ":" + os.environ["PATH"])
    bench.run("record", "-o", bench.file(), "--", "-dash", "--help", env=env).expect(0, out="6\n")


def test_options_behind_the_program_are_the_programs(bench):
    bench.run("record", "-o", bench.file(), bench.path("calls"), "7", "--level", "x", "-f", "b").expect(7, out="6\n")


def test_no_call_sites(bench):
    for program in (bench.path("bare"), "/bin/true"):
        trace = bench.file()
        bench.run("record", "-o", trace, program).expect(
            125, out="", err=["no call sites", "-fpatchable-function-entry", "gcc 8", "clang 10"])


def test_nothing_chosen(bench):
    """Libraries that are opened later may bring functions: so the program may have run when this is known."""
    for options in (["-f", "no_such_function"], ["-x", "*"], ["--root", "no_such_function"], ["--module", "nothing"],
                    ["-f", "a", "-x", "a"]):
        for program in ("calls", "static"):
            bench.run("record", "-o", bench.file(), *options, bench.path(program)).expect(125, err="chosen")


def test_a_trace_that_cannot_be_written(bench):
    bench.run("record", "-o", "/no/such/directory/t", bench.path("calls")).expect(125, out="", err="/no/such/directory/t")
    bench.run("record", "-o", bench.directory, bench.path("calls")).expect(125, out="", err=bench.directory)


def test_a_full_disk_does_not_harm_the_program(bench):
    """The limit is put on apus alone, when the program has begun; with SIGXFSZ ignored and not."""
    bench.run("record", "-o", "/dev/full", bench.path("calls")).expect(125, err="No space left")
    for trap in ("trap '' XFSZ; ", ""):
        for policy in ("wait", "drop"):
            trace = bench.file()
            process = subprocess.Popen(
                ["sh", "-c", trap + "exec \"$@\"", "sh", bench.apus, "record", "-o", trace, "--on-full", policy, "--",
                 bench.path("later"), "1000000"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            equal(process.stdout.readline(), "ready\n")
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (65536, 65536))
            out, err = process.communicate("go\n", timeout=20)
            what = f"{trap}{policy}: {err}"
            equal(out, "1000000\n", what)
            equal(process.returncode, 125, what)
            check(trace in err and "File too large" in err, what)
            check(0 < os.path.getsize(trace) <= 65536, "size", os.path.getsize(trace))
            report = bench.run("report", trace).expect(0, err=trace)
            check("tick" in report.out, report.out)
            calls = bench.trace(trace).info()["calls"]
            check(0 < calls < 2000001, calls)


def test_a_program_that_may_not_write_large_files(bench):
    """A limit on the program's files is for files, not for the memory that is shared with it."""
    for limit, level in ((2000, "graph"), (2000, "count"), (20, "graph"), (20, "count")):
        trace = bench.file()
        run = Run(["sh", "-c", f"ulimit -f {limit}; exec \"$@\"", "sh", bench.apus, "record", "-o", trace, "--level", level,
                   "--", bench.path("calls")])
        run.expect(0, out="6\n")
        equal(bench.trace(trace).calls(), {"main": 1, "a": 1, "b": 2, "c": 6}, f"{limit} {level}")
        Run(["sh", "-c", f"ulimit -f {limit}; exec \"$@\"", "sh", bench.apus, "record", "-o", trace, "--level", level,
             "--", bench.path("forks")]).expect(4)


def test_a_library_that_is_opened_when_no_files_may_be_written(bench):
    """The kernel's signal about the limit must not come to the program."""
    for level in ("graph", "count"):
        trace = bench.record(["--level", level], "unwriting", bench.path("wide.so"), status=7)
        equal(trace.calls(), {"main": 1, "own": 1, "plugin_entry": 1, "wide_1000": 1}, level)


def test_failures_of_the_other_commands(bench):
    trace = bench.record([], "calls").path
    for command in (["report"], ["replay"], ["graph"], ["info"], ["export", "--format", "chrome", "-o", "-"]):
        bench.run(command[0], "/no/such/trace", *command[1:]).expect(1, out="", err="/no/such/trace")
        bench.run(command[0], "/etc/passwd", *command[1:]).expect(1, out="", err="/etc/passwd")
        bench.run(command[0], bench.directory, *command[1:]).expect(1, out="", err=bench.directory)
        bench.run(command[0], "/dev/null", *command[1:]).expect(1, out="", err="/dev/null")
        bench.run(command[0], trace, "--no-such-option", *command[1:]).expect(2, out="")
    bench.run("report", trace, "--sort", "colour").expect(2)
    bench.run("report", trace, "--limit", "-1").expect(2)
    bench.run("export", trace, "--format", "chrome").expect(2)
    bench.run("export", trace, "--format", "gif", "-o", "-").expect(2)
    bench.run("export", trace, "--format", "chrome", "-o", "/no/such/directory/x").expect(1, err="/no/such/directory/x")
    bench.run("export", trace, "--format", "chrome", "-o", "/dev/full").expect(1, err="No space left")
    bench.run("sites").expect(2)
    bench.run("sites", "/no/such/file").expect(1, err="/no/such/file")
    bench.run("sites", "/etc/passwd").expect(1, err="/etc/passwd")
    bench.run("sites", "/dev/null").expect(1, err="/dev/null")
    bench.run("no-such-command").expect(2)


def test_the_default_file(bench):
    directory = os.path.join(bench.directory, "default")
    os.mkdir(directory)
    bench.run("report", cwd=directory).expect(1, err="apus.trace")
    bench.run("record", bench.path("calls"), cwd=directory).expect(0, err="apus.trace")
    bench.run("report", cwd=directory).expect(0)
    equal(os.listdir(directory), ["apus.trace"])


def test_a_cut_or_damaged_trace(bench):
    whole = bench.record([], "many", "300000", status=3)
    with open(whole.path, "rb") as file:
        data = file.read()
    calls = whole.info()["calls"]
    equal(calls, 600001)
    middle = bytearray(data)
    middle[len(data) // 2] ^= 0x5a
    for name, bytes_ in (("cut", data[: len(data) // 2]), ("end", data[:-1]), ("damaged", bytes(middle))):
        path = bench.file()
        with open(path, "wb") as file:
            file.write(bytes_)
        part = bench.trace(path).info()
        check(not part["complete"], name, "counts as complete")
        if name != "end":
            check(0 < part["calls"] < calls, name, part["calls"])
        check("cut short" in bench.run("info", path).out or name == "damaged", name, "info says nothing")
        for command in ("report", "replay", "graph"):
            run = bench.run(command, path).expect(0, err=path)
            check("tick" in run.out, name, command, run.out[:200])
    headless = bench.file()
    with open(headless, "wb") as file:
        file.write(data[:40])
    bench.run("report", headless).expect(1, err=headless)


def test_the_summary_names_what_was_not_recorded(bench):
    """Returns-twice functions are refused at graph level; one line of the summary, and in full in `info`."""
    path = os.path.join(bench.directory, "twice")
    source = path + ".c"
    with open(source, "w", encoding="utf-8") as file:
        file.write("#include <setjmp.h>\nint vfork(void) { return 0; }\nint main(void) { return vfork(); }\n")
    subprocess.run(["cc", "-O1", "-fno-builtin", "-fpatchable-function-entry=5", "-o", path, source], check=True)
    run = bench.record([], path)
    check("1 functions not recorded" in run.made.err or "1 function not recorded" in run.made.err, run.made.err)
    refused = run.info()["sites"]
    equal(sum(refused["refused"].values()), 1)
    equal([row["name"] if "name" in row else row["function"] for row in refused["refused_functions"]], ["vfork"])
    equal(run.calls(), {"main": 1})
