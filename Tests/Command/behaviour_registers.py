"""`record --regs`: calls with all their registers."""

import json

from command import check, equal
from sources import GENERAL, known

ALL = {"main": 1, "a": 1, "b": 2, "c": 6}

PT_REGS = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
           "orig_rax", "rip", "cs", "eflags", "rsp", "ss"]


def numbers(row):
    return {name: int(value, 16) for name, value in row["regs"].items()}


def test_every_register_is_recorded_by_name_and_unchanged(bench):
    for options in ([], ["--no-time"], ["--level", "entry"], ["--root", "callee"], ["--depth", "1"]):
        # Status 0: the program found every register as it was.
        trace = bench.record(["--regs", "callee", *options], "registers")
        row, = trace.replay()
        equal(list(row["regs"]), PT_REGS, f"names, {options}")
        found = numbers(row)
        for name in GENERAL:
            equal(hex(found[name]), hex(known(name)), f"{name}, {options}")
        equal(found["eflags"], 0x247, "zero, parity and carry, after cmp and stc")
        equal((found["cs"], found["ss"], found["orig_rax"]), (0x33, 0x2b, 2**64 - 1), "what user space knows")
        equal(found["rsp"] % 8, 0, "the stack pointer")
        equal(trace.info()["sites"]["registers"], 1, "sites on the regs path")
        text = bench.run("replay", trace.path).expect(0).out
        check(f"rdi={hex(known('rdi'))} rsi={hex(known('rsi'))}" in text, "no registers in the text:", text)


def test_the_program_counter_is_the_call_site(bench):
    listing = json.loads(bench.run("sites", bench.path("registers"), "--format", "json").expect(0).out)
    site, = [row["site"]["address"] for row in listing["functions"] if row["name"] == "callee"]
    row, = bench.record(["--regs", "callee"], "registers").replay()
    equal(numbers(row)["rip"] & 0xfff, site & 0xfff, "in its page")


def test_registers_go_with_the_other_options(bench):
    for options, calls in (
        ([], ALL), (["-f", "c"], {"c": 6}), (["-x", "b"], {"main": 1, "a": 1, "c": 6}), (["--root", "b"], {"b": 2, "c": 6}),
        (["--no-time"], ALL), (["--level", "entry"], ALL), (["--depth", "4"], ALL),
        (["--depth", "3"], {"main": 1, "a": 1, "b": 2}),
    ):
        for pattern in ("c", "*"):
            trace = bench.record(["--regs", pattern, *options], "calls")
            equal(trace.consistent(), calls, f"{options}")
            rows = trace.replay()
            for row in rows:
                equal("regs" in row, pattern == "*" or row["name"] == "c", f"{row['name']} {options}")
            # c's argument counts up.
            arguments = [numbers(row)["rdi"] & 0xffffffff for row in rows if row["name"] == "c"]
            equal(arguments, list(range(calls.get("c", 0))), f"{options}")
            bench.run("graph", trace.path).expect(0)
            for form in ("collapsed", "chrome", "perfetto", "flamegraph"):
                bench.run("export", trace.path, "--format", form, "-o", bench.file()).expect(0)


def test_short_calls_go_with_their_registers(bench):
    trace = bench.record(["--regs", "*", "--min-duration", "100ms"], "calls")
    equal(trace.replay(), [], "nothing is that long")
    trace = bench.record(["--regs", "*", "--min-duration", "1ns"], "calls")
    check(all("regs" in row for row in trace.replay()), "a call without registers")
    equal([numbers(row)["rdi"] & 0xffffffff for row in trace.replay() if row["name"] == "c"], list(range(6)))


def test_without_room_a_call_is_lost_with_its_registers(bench):
    plain = bench.record([], "many", "20000", status=3).calls()
    for policy in ("drop", "wait"):
        for level in ("graph", "entry"):
            trace = bench.record(["--regs", "*", "--buffer", "4K", "--on-full", policy, "--level", level],
                                 "many", "20000", status=3)
            info = trace.info()
            equal(info["calls"] + info["lost"], sum(plain.values()), f"{policy} {level}")
            if policy == "wait":
                equal(info["lost"], 0, f"lost, {level}")
            rows = trace.replay()
            equal(len(rows), info["calls"], "replayed")
            check(all(len(row["regs"]) == len(PT_REGS) for row in rows), "a call without all registers")


def test_count_has_no_registers(bench):
    bench.run("record", "--level", "count", "--regs", "c", "--", bench.path("calls")).expect(125, err="--regs needs")
