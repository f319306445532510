"""What the commands show of a trace."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
import xml.etree.ElementTree

from command import check, equal

FORMATS = ("collapsed", "flamegraph", "chrome", "perfetto")


def test_replay_is_in_order_of_entry(bench):
    trace = bench.record([], "calls")
    equal(trace.names(), [("main", 0), ("a", 1)] + ([("b", 2)] + [("c", 3)] * 3) * 2)
    rows = trace.replay()
    equal(len({row["tid"] for row in rows}), 1)
    equal({row["module"] for row in rows}, {"calls"})
    for row in rows:
        equal(list(row)[:6], ["tid", "depth", "name", "module", "start_ns", "duration_ns"])
    starts = [row["start_ns"] for row in rows]
    equal(starts, sorted(starts), "starts")
    opened = []
    for row in rows:
        del opened[row["depth"]:]
        for outer in opened:
            check(row["start_ns"] + row["duration_ns"] <= outer["start_ns"] + outer["duration_ns"], "sticks out:", row)
        opened.append(row)


def test_report_and_replay_agree(bench):
    for program, arguments in (("calls", []), ("durations", []), ("depth", [])):
        trace = bench.record([], program, *arguments)
        trace.consistent()
        rows = trace.replay()
        own, total, longest, shortest = {}, {}, {}, {}
        opened = []
        for row in rows:
            del opened[row["depth"]:]
            name, duration = row["name"], row["duration_ns"]
            if duration is None:
                opened.append(row)
                continue
            own[name] = own.get(name, 0) + duration
            if opened:
                own[opened[-1]["name"]] -= duration
            if name not in [outer["name"] for outer in opened]:
                total[name] = total.get(name, 0) + duration
            longest[name] = max(longest.get(name, 0), duration)
            shortest[name] = min(shortest.get(name, 1 << 60), duration)
            own.setdefault(name, 0)
            opened.append(row)
        if any(row["duration_ns"] is None for row in rows):
            continue
        for row in trace.report():
            name = row["name"]
            # Each duration is rounded by itself.
            slack = row["calls"] + 2 * len(own)
            for key, mine in (("total_ns", total), ("max_ns", longest), ("min_ns", shortest)):
                check(abs(row[key] - mine[name]) <= slack, program, name, key, row[key], mine[name])
            check(abs(row["self_ns"] - own[name]) <= sum(r["calls"] for r in trace.report()), name, row, own[name])


def test_threads(bench):
    run = bench.record([], "threads")
    counts = dict(line.split() for line in run.made.out.splitlines())
    equal(sorted(counts.values()), ["100", "200", "300"])
    equal(run.calls(), {"main": 1, "work": 3, "unit": 600})
    equal(run.info()["threads"], 4)
    for tid, count in counts.items():
        rows = run.replay("--thread", tid)
        equal({row["tid"] for row in rows}, {int(tid)})
        equal(len(rows), int(count) + 1)
        equal({row["name"]: row["calls"] for row in run.report("--thread", tid)}, {"work": 1, "unit": int(count)})
        graph = bench.run("graph", run.path, "--thread", tid).expect(0).out
        check("work" in graph and "main" not in graph, graph)
    pair = list(counts)[:2]
    rows = run.report("--thread", pair[0], "--thread", pair[1])
    equal({row["name"]: row["calls"] for row in rows}, {"work": 2, "unit": sum(int(counts[t]) for t in pair)})
    none = bench.run("report", run.path, "--thread", "1")
    check(none.status == 0 or "thread" in none.err, none.status, none.err)


def test_report_sorts_and_limits(bench):
    trace = bench.record([], "calls")
    equal([row["name"] for row in trace.report("--sort", "calls")], ["c", "b", "a", "main"][:2] + ["a", "main"])
    equal([row["name"] for row in trace.report("--sort", "name")], ["a", "b", "c", "main"])
    equal([row["name"] for row in trace.report("--sort", "total")], ["main", "a", "b", "c"])
    rows = trace.report("--sort", "self")
    equal([row["self_ns"] for row in rows], sorted((row["self_ns"] for row in rows), reverse=True))
    equal([row["name"] for row in trace.report("--limit", "2")], ["main", "a"])
    equal(trace.report("--limit", "0"), [])
    for key in ("name", "module", "calls", "total_ns", "self_ns", "min_ns", "max_ns"):
        check(all(key in row for row in rows), key, "is missing")
    table = bench.run("report", trace.path).expect(0, out=None).out
    equal([line.split()[-2] for line in table.splitlines()[1:5]], ["main", "a", "b", "c"], table)
    check("\x1b" not in table, "colours in a pipe")


def test_graph_merges_by_path(bench):
    trace = bench.record([], "calls")
    lines = bench.run("graph", trace.path).expect(0).out.splitlines()[1:]
    equal([re.sub(r"[^a-z]*", "", line.split()[-1]) for line in lines], ["main", "a", "b", "c"])
    equal([int(re.search(r" (\d+)  (?=\S|\s*[└├])", line).group(1)) for line in lines], [1, 1, 2, 6])
    rooted = bench.run("graph", trace.path, "--root", "b").expect(0).out
    check("main" not in rooted and "b" in rooted and "6" in rooted, rooted)
    check("main" not in bench.run("graph", trace.path, "--root", "nothing").out)


def test_info(bench):
    trace = bench.record(["-f", "?"], "calls", "0")
    info = trace.info()
    for key in ("calls", "lost", "threads", "duration_ns", "bytes", "command", "host", "clock"):
        check(key in info, key, "is missing")
    equal((info["calls"], info["lost"], info["threads"]), (9, 0, 1))
    equal(info["bytes"], os.path.getsize(trace.path))
    equal(info["command"], [bench.path("calls"), "0"])
    equal({key: info["sites"][key] for key in ("found", "enabled", "refused")}, {"found": 4, "enabled": 3, "refused": {}})
    for key in ("unmatched_returns", "unwound", "re_armed", "stack_full", "tail_calls"):
        check(key in info["slow_paths"], key, "is missing")
    text = bench.run("info", trace.path).expect(0).out
    for word in ("calls", "lost", "threads", "clock", "bytes", bench.path("calls")):
        check(word in text, word, "is not in", text)
    equal(bench.record([], "roots").info()["slow_paths"]["unwound"] > 0, True, "unwound frames")
    check("tail_calls" in text, "tail_calls is not in", text)


def exports(bench, trace):
    for form in FORMATS:
        path = bench.file("." + form)
        bench.run("export", trace, "--format", form, "-o", path).expect(0, out="")
        with open(path, "rb") as file:
            data = file.read()
        equal(bench.run("export", trace, "--format", form, "-o", "-").expect(0).raw, data, form)
        yield form, data


def test_exports(bench):
    trace = bench.record([], "calls")
    found = dict(exports(bench, trace.path))
    total = {row["name"]: row["self_ns"] for row in trace.report()}
    lines = dict(line.rsplit(" ", 1) for line in found["collapsed"].decode().splitlines())
    check(set(lines) <= {"main", "main;a", "main;a;b", "main;a;b;c"} and "main" in lines, lines)
    for stack, value in lines.items():
        check(abs(int(value) - total[stack.split(";")[-1]]) <= 10, stack, value, total)
    xml.etree.ElementTree.fromstring(found["flamegraph"])
    check(b"main" in found["flamegraph"])
    chrome = json.loads(found["chrome"])
    events = chrome["traceEvents"] if isinstance(chrome, dict) else chrome
    begun = sorted((event for event in events if event["ph"] in "XB"), key=lambda e: (e["ts"], -e.get("dur", 0)))
    equal([event["name"] for event in begun], [row["name"] for row in trace.replay()])
    check(len(found["perfetto"]) > 100 and b"main" in found["perfetto"])


def test_exports_of_other_traces(bench):
    """Untimed, at level entry and count, with nothing in it: a file that can be read, or one clear line."""
    for options in (["--no-time"], ["--level", "entry"], ["--level", "count"], ["--min-duration", "399ms"]):
        trace = bench.record(options, "calls").path
        for form in FORMATS:
            run = bench.run("export", trace, "--format", form, "-o", "-")
            if run.status == 0:
                if form == "chrome":
                    json.loads(run.out)
                if form == "flamegraph":
                    xml.etree.ElementTree.fromstring(run.raw)
            else:
                equal(run.status, 1)
                check(run.err.startswith("apus: error: ") and len(run.err.splitlines()) == 1, options, form, run.err)
        for command in (["replay"], ["graph"], ["report"], ["replay", "--format", "json"]):
            run = bench.run(command[0], trace, *command[1:])
            check(run.status in (0, 1), options, command, run.status, run.err)
            check(run.status == 0 or run.err.startswith("apus: error: "), run.err)


def test_a_closed_pipe_is_quiet(bench):
    trace = bench.record([], "many", "100000", status=3).path
    commands = [["replay", trace], ["replay", trace, "--format", "json"], ["sites", bench.path("static"), "--format", "json"]]
    commands += [["export", trace, "--format", form, "-o", "-"] for form in ("chrome", "perfetto")]
    for command in commands:
        for trap in ("", "trap '' PIPE; "):
            process = subprocess.Popen(["sh", "-c", trap + 'exec "$@"', "sh", bench.apus, *command],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdout.read(10)
            process.stdout.close()
            err = process.stderr.read()
            process.wait(20)
            equal(err, b"", " ".join(command))
            check(process.returncode in (0, 1, -13, 141), command, process.returncode)


def on_a_terminal(arguments, environment):
    """The output on a pseudo terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    out = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(ours)
    process.wait(20)
    return out


# A process's peak is at first that of the one that has started it, which here has read much.
MEASURE = """
import os, sys
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ), 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, file=sys.stderr)
"""


def peak_memory(command):
    """MiB at the most of a command whose output nobody wants."""
    process = subprocess.run([sys.executable, "-c", MEASURE, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, timeout=60)
    status, most = process.stderr.split()[-2:]
    equal(int(status), 0, " ".join(command))
    return int(most) / 1024


def test_views_need_no_more_memory_for_more_calls(bench):
    few, many = (bench.record([], "many", str(count), status=3).path for count in (250_000, 4_000_000))
    for command in (["report"], ["replay", "--format", "json"], ["graph"], ["info"],
                    *(["export", "--format", form, "-o", "-"] for form in ("collapsed", "flamegraph", "chrome", "perfetto"))):
        little, much = (peak_memory([bench.apus, command[0], trace, *command[1:]]) for trace in (few, many))
        # All events of the larger one take 256 MiB.
        check(much < little + 32, command, f"{little:.0f} MiB for few calls, {much:.0f} for many")


def test_progress_is_shown_on_a_terminal_only(bench):
    trace = bench.record([], "many", "3000000", status=3).path
    for command in (["replay", trace, "--format", "json"], ["export", trace, "--format", "chrome", "-o", f"{trace}.json"]):
        ours, theirs = pty.openpty()
        start = time.monotonic()
        process = subprocess.Popen([bench.apus, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
        process.wait(60)
        spent = time.monotonic() - start
        os.close(theirs)
        shown = os.read(ours, 65536) if select.select([ours], [], [], 0)[0] else b""
        os.close(ours)
        check(re.search(rb"reading .*: \d+ %", shown) or spent < 1.5, command, f"{spent:.1f} s without a word", shown)
        check(not shown or shown.endswith(b"\r\x1b[K"), command, "left a line:", shown[-80:])
    run = subprocess.run([bench.apus, "replay", trace], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, timeout=60)
    equal((run.returncode, run.stderr), (0, b""), "in a pipe")


def test_colours(bench):
    trace = bench.record([], "calls").path
    plain = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    plain["TERM"] = "xterm"
    for command in ("report", "replay", "graph", "info"):
        for options, extra, wanted in (([], {}, True), ([], {"NO_COLOR": "1"}, False), ([], {"NO_COLOR": ""}, True),
                                       (["--color", "never"], {}, False), (["--color", "always"], {"NO_COLOR": "1"}, True)):
            out = on_a_terminal([bench.apus, command, trace, *options], {**plain, **extra})
            equal(b"\x1b[" in out, wanted, f"{command} {options} {extra}")
            check(b"main" in out or command == "info", command)
        piped = bench.run(command, trace, "--color", "always").expect(0).out
        check("\x1b[" in piped, command, "--color always in a pipe")
    bench.run("report", trace, "--color", "pink").expect(2)
    json.loads(bench.run("report", trace, "--format", "json", "--color", "always").expect(0).out)


def test_sites(bench):
    text = bench.run("sites", bench.path("calls")).expect(0).out
    check(re.search(r"patchable .* all +b$", text, re.M) and "no call site" in text, text)
    sites = json.loads(bench.run("sites", bench.path("calls"), "--format", "json").expect(0).out)
    usable = {row["name"] for row in sites["functions"] if row["modes"]}
    equal(usable, {"main", "a", "b", "c"})
    for row in sites["functions"]:
        check(row["site"] is not None or row["reason"], "neither a site nor a reason:", row)
    bare = json.loads(bench.run("sites", bench.path("bare"), "--format", "json").expect(0).out)
    equal([row["name"] for row in bare["functions"] if row["modes"]], [])
    library = json.loads(bench.run("sites", bench.path("plugin.so"), "--format", "json").expect(0).out)
    check("plugin_entry" in [row["name"] for row in library["functions"] if row["modes"]])


def test_doctor(bench):
    run = bench.run("doctor")
    check(run.status in (0, 1), run.status)
    lines = run.out.splitlines()
    check(len(lines) >= 7 and all(line.startswith(("ok    ", "mend  ", "      ")) for line in lines), run.out)
    equal(run.status, 1 if any(line.startswith("mend") for line in lines) else 0)


def test_help_and_version(bench):
    check(re.fullmatch(r"\d+\.\d+\.\d+\n", bench.run("--version").expect(0).out))
    top = bench.run("--help").expect(0).out
    for command in ("record", "report", "replay", "graph", "export", "info", "sites", "doctor"):
        check(command in top, command, "is not in the help")
        check("USAGE: apus " + command in bench.run(command, "--help").expect(0).out, command)
    text = bench.run("record", "--help").expect(0).out
    for option in ("-o", "-f", "-x", "--root", "--module", "--level", "--no-time", "--depth", "--min-duration", "--buffer",
                   "--on-full"):
        check(option in text, option, "is not in the help")


def test_completion_scripts(bench):
    for shell in ("bash", "zsh", "fish"):
        script = bench.run("--generate-completion-script", shell).expect(0).out
        check("record" in script and "min-duration" in script, shell)
        if shell == "bash":
            equal(subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode, 0, "bash -n")


def test_manual_pages(bench):
    # What the argument parser's plugin makes `make man` of: every command and option, each with a word on it.
    def look(command, name):
        check(command.get("abstract"), name, "has no abstract")
        for argument in command.get("arguments", []):
            what = argument.get("valueName") or argument["kind"]
            check(argument.get("abstract") or not argument["shouldDisplay"], name, what, "is not explained")
        for inner in command.get("subcommands", []):
            if inner["commandName"] != "help":
                look(inner, name + " " + inner["commandName"])

    top = json.loads(bench.run("--experimental-dump-help").expect(0).out)["command"]
    names = {command["commandName"] for command in top["subcommands"]}
    check({"record", "report", "replay", "graph", "export", "info", "sites", "doctor"} <= names, names)
    look(top, "apus")
