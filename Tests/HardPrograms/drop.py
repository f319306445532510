#!/usr/bin/env python3
"""Overload under the drop policy: recorded + lost must equal the program's own count, exactly, for every function.

  drop.py APUS [--rounds N] [--buffer SIZE]

cpu_threads counts its own calls and writes them to $HARD_COUNTS. With tiny buffers most calls are lost; a run that loses
none proves nothing and fails. At entry and graph level, timed and untimed. `report` must carry `lost` in each row.
"""

import argparse
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
import programs  # noqa: E402

KINDS = {
    "entry": ["--level", "entry"],
    "entry-untimed": ["--level", "entry", "--no-time"],
    "graph": ["--level", "graph"],
    "graph-untimed": ["--level", "graph", "--no-time"],
    "graph-depth": ["--depth", "2"],
    "graph-depth-untimed": ["--depth", "2", "--no-time"],
}


def within(own, flags, rounds):
    """What the program's own counts come to within the depth: frames that were lost count too. (leaf is a tail call.)"""
    return dict(own, fib=own["run"] * rounds) if "--depth" in flags else own


def attempt(apus, binary, rounds, buffer, flags, expected):
    """A line about the run, and what is wrong with it (empty if nothing)."""
    problems = []
    with tempfile.TemporaryDirectory() as directory:
        trace, counts = os.path.join(directory, "trace"), os.path.join(directory, "counts")
        run = programs.run([apus, "record", "-o", trace, "--on-full", "drop", "--buffer", buffer, *flags, "--",
                            binary, str(rounds)], 120, dict(os.environ, HARD_COUNTS=counts))
        if run.status != 0 or run.timed_out or run.output != expected:
            return "", [f"status {run.status}, output {'right' if run.output == expected else 'wrong'}",
                        run.errors.decode(errors="replace")]
        own = within(programs.read_own_counts(counts), flags, rounds)
        answers = {}
        for command in ("info", "report"):
            answer = programs.run([apus, command, trace, "--format", "json"], 60)
            if answer.status != 0:
                return "", [f"apus {command}: status {answer.status}", answer.errors.decode(errors="replace")]
            answers[command] = json.loads(answer.output)
        recorded, lost = {}, {}
        for row in answers["report"]:
            recorded[row["name"]] = recorded.get(row["name"], 0) + row["calls"]
            lost[row["name"]] = lost.get(row["name"], 0) + row.get("lost", 0)
        for name in sorted(set(own) | set(recorded) | set(lost)):
            total = recorded.get(name, 0) + lost.get(name, 0)
            if total != own.get(name, 0):
                problems.append(f"{name}: {recorded.get(name, 0)} recorded + {lost.get(name, 0)} lost = {total}, "
                                f"the program counted {own.get(name, 0)}")
        if sum(lost.values()) == 0:
            problems.append("nothing was lost: no overload, so nothing is shown")
        for what, total in (("lost", sum(lost.values())), ("calls", sum(recorded.values()))):
            if answers["info"][what] != total:
                problems.append(f"info says {answers['info'][what]} {what}, the report's rows sum to {total}")
        return f"{sum(recorded.values())} recorded + {sum(lost.values())} lost = {sum(own.values())}", problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus")
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--buffer", default="4K")
    parser.add_argument("--cache", default=programs.DEFAULT_CACHE)
    options = parser.parse_args()
    program = next(p for p in programs.load("cpu_threads") if p.variant is None)
    programs.build(program, options.cache)
    untraced = programs.run([program.path, str(options.rounds)], 60)
    failed = 0
    for name, flags in KINDS.items():
        line, problems = attempt(os.path.abspath(options.apus), program.path, options.rounds, options.buffer, flags,
                                 untraced.output)
        print(f"{'FAIL' if problems else 'ok  '} {name:20} {line}")
        for problem in problems:
            print(f"     {problem}")
        failed += bool(problems)
    print(f"{len(KINDS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
