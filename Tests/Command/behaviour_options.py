"""What `record`'s options choose."""

from command import check, equal

ALL = {"main": 1, "a": 1, "b": 2, "c": 6}


def test_functions(bench):
    for options, wanted in (
        ([], ALL), (["-f", "b"], {"b": 2}), (["-f", "a", "-f", "c"], {"a": 1, "c": 6}), (["-f", "?"], {"a": 1, "b": 2, "c": 6}),
        (["-f", "*"], ALL), (["-x", "c"], {"main": 1, "a": 1, "b": 2}),
        (["-x", "m*", "-x", "c"], {"a": 1, "b": 2}), (["-f", "?", "-x", "b"], {"a": 1, "c": 6}),
        (["--function", "b", "--exclude", "c"], {"b": 2}),
    ):
        for level in ("graph", "entry", "count"):
            trace = bench.record([*options, "--level", level], "calls")
            equal(trace.calls(), wanted, f"{options} {level}")
            equal(trace.info()["sites"]["enabled"], len(wanted), "enabled")


def test_frames_that_are_left_out_do_not_count_in_the_depth(bench):
    equal(bench.record(["-x", "b"], "calls").names(), [("main", 0), ("a", 1)] + [("c", 2)] * 6)
    equal(bench.record(["-f", "c"], "calls").names(), [("c", 0)] * 6)


def test_modules(bench):
    plugin = bench.path("plugin.so")
    for pattern, wanted in (("plugs", {"main", "own", "before_main", "after_main"}),
                            ("plugin.so", {"plugged", "plugin_entry", "plugin_begins"}),
                            ("*/plugin*", {"plugged", "plugin_entry", "plugin_begins"})):
        run = bench.run("record", "-o", bench.file(), "--module", pattern, bench.path("plugs"), plugin)
        run.expect(0, out="20\n")
        trace = bench.trace(run.arguments[3])
        equal(set(trace.calls()), wanted, pattern)
    both = bench.record(["--module", "plugs", "--module", "plugin.so"], "plugs", plugin)
    equal(len(both.calls()), 7)
    equal(set(bench.record(["--module", "plugin.so", "-f", "plugged"], "plugs", plugin).calls()), {"plugged"})


def test_roots(bench):
    for level in ([], ["--no-time"]):
        trace = bench.record(["--root", "root", *level], "roots")
        equal(trace.names(), [("root", 0), ("inside", 1)] * 3, "a plain root")
        trace = bench.record(["--root", "leaving", *level], "roots")
        equal(trace.calls(), {"leaving": 3, "inside": 6, "deeper": 3}, "a root that is left by longjmp")
        trace = bench.record(["--root", "leaving", "--root", "root", *level], "roots")
        equal(trace.calls(), {"leaving": 3, "root": 3, "inside": 9, "deeper": 3}, "two roots")
        equal([depth for name, depth in trace.names() if name in ("leaving", "root")], [0] * 6, "two roots' depths")
        trace = bench.record(["--root", "again", *level], "roots")
        equal(trace.names(),
              [pair for n in range(5) for pair in (("again", n), ("inside", n + 1))]
              + [("inside", 5 - n) for n in range(5)], "a recursive root")
        trace = bench.record(["--root", "leaving", "-x", "inside", *level], "roots")
        equal(trace.calls(), {"leaving": 3, "deeper": 3}, "a root with an exclusion")
        trace = bench.record(["--root", "root", "-f", "plain", *level], "roots")
        equal(trace.calls(), {"root": 3, "inside": 3, "plain": 8}, "a root and a function")


def test_a_root_that_ends_with_tail_calls(bench):
    for options in ([], ["--no-time"], ["--depth", "9"]):
        trace = bench.record(["--root", "root", *options], "root_tails")
        equal(trace.calls(), {"root": 3, "work": 3, "last": 3, "leaf": 9}, options)
    trace = bench.record(["--root", "root", "--root", "work"], "root_tails")
    equal(trace.calls(), {"root": 3, "work": 3, "last": 3, "leaf": 9}, "two roots")
    equal(bench.record(["--root", "last"], "root_tails").calls(), {"last": 3, "leaf": 3}, "a root by a tail call")


def test_depth(bench):
    calls = {"d1": 8, "d2": 8, "d3": 12, "d4": 12, "d5": 12}
    whole = bench.record([], "depth").calls()
    equal(whole, {"main": 1, **calls}, "no limit")
    for level in ([], ["--no-time"]):
        for depth in (1, 2, 3, 4, 5, 6):
            wanted = {name: whole[name] for name in ["main", "d1", "d2", "d3", "d4", "d5"][:depth]}
            trace = bench.record(["--depth", str(depth), *level], "depth")
            equal(trace.calls(), wanted, f"--depth {depth}")
            for name, at in trace.names():
                equal(at, ["main", "d1", "d2", "d3", "d4", "d5"].index(name), "depth of " + name)
            trace = bench.record(["--depth", str(depth), "-x", "main", *level], "depth")
            equal(trace.calls(), {name: calls[name] for name in list(calls)[:depth]}, f"-x main --depth {depth}")
    equal(bench.record(["--depth", "1", "-f", "d3"], "depth").calls(), {"d3": whole["d3"]}, "counted from the first traced")
    equal(bench.record(["--depth", "2", "--root", "d3"], "depth").calls(), {"d3": whole["d3"], "d4": whole["d4"]}, "in a root")


def test_depth_and_jumps_out_of_handlers(bench):
    """What a handler on a stack of its own has left by a jump is not open for good."""
    deepest = {"handler": 10, "leave": 10, "work": 10, "inner": 10}
    for level in ([], ["--no-time"]):
        equal(bench.record(["--depth", "2", "-x", "main", *level], "depth_jumps").calls(), deepest, "main excluded")
        equal(bench.record(["--depth", "3", *level], "depth_jumps").calls(), {"main": 1, **deepest}, "all")
        equal(bench.record(["--depth", "1", "-x", "main", *level], "depth_jumps").calls(), {"handler": 10, "work": 10}, "one")


def test_minimum_duration(bench):
    for policy in ("wait", "drop"):
        trace = bench.record(["--min-duration", "5ms", "--on-full", policy], "durations")
        trace.consistent()
        rows = trace.replay()
        # A brief call that loses the processor for so long is a long one: only those may be there besides.
        check(all(row["duration_ns"] >= 5000000 for row in rows), rows)
        long = [(row["name"], row["depth"]) for row in rows if row["name"] in ("main", "parent", "slow")]
        equal(long, [("main", 0), ("parent", 1), ("slow", 2), ("slow", 1)])
        equal(trace.info()["lost"], 0, "lost")
    trace = bench.record(["--min-duration", "399ms"], "durations")
    check(all(row["duration_ns"] >= 399000000 for row in trace.replay()), "too short")
    trace = bench.record(["--min-duration", "5ms", "-x", "main", "-x", "parent"], "durations")
    equal([name for name in trace.names() if name[0] == "slow"], [("slow", 0), ("slow", 0)])
    trace = bench.record(["--min-duration", "5ms", "--depth", "2"], "durations")
    long = [name for name in trace.names() if name[0] in ("main", "parent", "slow")]
    equal(long, [("main", 0), ("parent", 1), ("slow", 1)])
    trace = bench.record(["--min-duration", "1ns", "--buffer", "4K"], "durations")
    check(trace.consistent()["slow"] == 2)


def test_levels(bench):
    trace = bench.record(["--level", "count"], "calls")
    equal(trace.calls(), ALL)
    for row in trace.report():
        for key in ("total_ns", "self_ns", "min_ns", "max_ns"):
            check(row.get(key) is None, "times at level count:", row)
    info = trace.info()
    equal((info["level"], info["calls"], info["lost"]), ("count", 10, 0))
    trace = bench.record(["--level", "entry"], "calls")
    equal(trace.calls(), ALL)
    equal(trace.info()["level"], "entry")
    equal([row["name"] for row in trace.replay()], ["main", "a"] + ["b", "c", "c", "c"] * 2)
    for row in trace.replay():
        check(row.get("duration_ns") is None, "a duration at level entry:", row)


def test_no_time(bench):
    for level in ("graph", "entry"):
        trace = bench.record(["--no-time", "--level", level], "calls")
        equal(trace.calls(), ALL)
        for row in trace.report() + trace.replay():
            equal([key for key in row if key.endswith("_ns")], [], f"time fields {level}")
        check(not trace.info()["timed"])
    equal(bench.record(["--no-time"], "calls").names(),
          [("main", 0), ("a", 1)] + ([("b", 2)] + [("c", 3)] * 3) * 2)
    graph = bench.run("graph", bench.record(["--no-time"], "calls").path).expect(0).out
    check("main" in graph and "6" in graph, graph)


def drops(bench, options, wanted):
    count = 300000
    trace = bench.record(["--on-full", "drop", "--buffer", "4K", *options], "many", str(count), status=3)
    equal(trace.made.out, f"{count}\n")
    info, calls = trace.info(), trace.calls()
    lost = {row["name"]: row.get("lost", 0) for row in trace.report()}
    check(info["lost"] > 0, "nothing was lost: this shows nothing")
    check("lost" in trace.made.err, trace.made.err)
    equal(info["lost"], sum(lost.values()), "lost")
    equal(info["calls"], sum(calls.values()), "calls")
    own = {"main": 1, "tick": count, "tock": count}
    equal({name: calls[name] + lost[name] for name in calls}, {name: own[name] for name in wanted}, "recorded + lost")


def test_drop_counts_what_it_drops(bench):
    for options in (["--level", "graph"], ["--level", "entry"], ["--no-time"], ["--level", "entry", "--no-time"]):
        drops(bench, options, ["main", "tick", "tock"])


def test_drop_with_roots(bench):
    drops(bench, ["--root", "tock"], ["tick", "tock"])


def test_wait_loses_nothing(bench):
    for options in ([], ["--no-time"], ["--level", "entry"], ["--min-duration", "1ns"], ["--depth", "9"]):
        trace = bench.record(["--buffer", "4K", *options], "many", "100000", status=3)
        equal(trace.info()["lost"], 0, f"{options}")
        if "--min-duration" not in options:
            equal(trace.calls(), {"main": 1, "tick": 100000, "tock": 100000}, f"{options}")


def test_buffers_and_durations_as_people_write_them(bench):
    for buffer in ("4096", "4K", "64k", "5000", "1M", "1MiB", "1MB"):
        equal(bench.record(["--buffer", buffer], "calls").calls(), ALL, buffer)
    for duration in ("1us", "1.5us", "200ns", "1ms", "0.001s"):
        bench.record(["--min-duration", duration], "calls")


def test_combinations(bench):
    trace = bench.record(["--root", "a", "--depth", "2", "--no-time", "-x", "main"], "calls")
    equal(trace.names(), [("a", 0), ("b", 1), ("b", 1)])
    trace = bench.record(["-f", "b", "-f", "c", "--depth", "1", "--on-full", "drop"], "calls")
    equal(trace.calls(), {"b": 2})
    equal(bench.record(["--module", "static", "-f", "?"], "static").calls(), {"a": 1, "b": 2, "c": 6})
