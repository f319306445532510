#!/usr/bin/env python3
"""Runs every hard program untraced and under `apus record` at every level, and compares.

  run.py APUS [--only GLOB] [--levels NAME,...] [--jobs N] [--cache DIR]
  run.py --untraced [--listed] [--only GLOB] [--jobs N]     without apus: the programs repeat themselves, and the counts
                                                 stated in them are what callgrind counts; --listed: only those whose
                                                 traced counts are not compared with callgrind's by address

Checked for every program and level: the same standard output and exit status as untraced; `info`: no call lost under wait,
as many sites enabled as `sites` lists, the slow-path counters that the program is about; `report`: the calls of every
function, both ways. One line for each, then "N passed, N failed"; status 1 if any failed.
"""

import argparse
import difflib
import json
import os
import re
import shlex
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
import call_sites  # noqa: E402
import oracle  # noqa: E402
import programs  # noqa: E402

LEVELS = {
    "count": ["--level", "count"],
    "entry": ["--level", "entry"],
    "entry-untimed": ["--level", "entry", "--no-time"],
    "graph": ["--level", "graph"],
    "graph-untimed": ["--level", "graph", "--no-time"],
    "graph-drop": ["--level", "graph", "--on-full", "drop"],
    "entry-regs": ["--level", "entry"],
    "graph-regs": ["--level", "graph"],
}


class Failure(Exception):
    """A check that did not hold, with all there is to say about it."""


def number(value):
    return int(value, 0) if isinstance(value, str) else int(value)


def module_key(path):
    return os.path.realpath(path)


def key(name):
    return str(name).replace("-", "_").replace(" ", "_")


def stated(program, own):
    """The calls that the program's directives state, with its own counts filled in; None where any number will do."""
    calls = {}
    for name, count in program.calls.items():
        if count == "own" and name not in own:
            raise Failure(f"the program wrote no count of its own for {name}")
        calls[name] = None if count == "any" else own[name] if count == "own" else count
    return calls


def expectation(program, cache_path):
    """callgrind's calls by (module, address), kept beside the program until it is built anew."""
    if os.path.exists(cache_path):
        with open(cache_path) as file:
            rows = json.load(file)
    else:
        # The program may count itself, but not into the file of a run that is being checked.
        environment = {k: v for k, v in os.environ.items() if k != "HARD_COUNTS"}
        environment["HARD_ORACLE"] = "1"
        found, output, status = oracle.profile([program.path, *program.arguments], environment)
        if status != program.status:
            raise Failure(f"under callgrind the program ended with {status}")
        counted = oracle.expected(found, program.modules)
        rows = [[module, address, names, calls] for (module, address), (names, calls) in counted.items()]
        with open(cache_path, "w") as file:
            json.dump(rows, file)
    return {(module_key(module), address): (names, calls) for module, address, names, calls in rows}


def by_name(expected):
    """The oracle's calls by demangled name, summed over modules and addresses."""
    names = call_sites.demangle({name for names, _ in expected.values() for name in names})
    result = {}
    for symbols, calls in expected.values():
        for name in {names[s] for s in symbols}:
            result[name] = result.get(name, 0) + calls
    return result


def difference(title, wanted, got):
    lines = difflib.unified_diff(wanted.decode(errors="replace").splitlines(), got.decode(errors="replace").splitlines(),
                                 "untraced", "traced", lineterm="")
    return "\n".join([title, *lines])


def wrong_counts(wanted, got):
    """One line for each function whose count differs, both ways. A wanted count of None is not compared."""
    lines = []
    for name in sorted(set(wanted) | set(got), key=str):
        right, seen = wanted.get(name, 0), got.get(name, 0)
        if right is not None and right != seen:
            lines.append(f"  {name}: {seen} calls, not {right}")
    return lines


class Tool:
    """The tracer under test."""

    def __init__(self, path):
        self.path = os.path.abspath(path)

    def ask(self, *arguments, limit=60):
        answer = programs.run([self.path, *arguments], limit)
        if answer.timed_out or answer.status != 0:
            raise Failure(f"{shlex.join(['apus', *arguments])}: status {answer.status}"
                          f"{' (timed out)' if answer.timed_out else ''}\n{answer.errors.decode(errors='replace')}")
        return answer.output

    def json(self, *arguments):
        text = self.ask(*arguments, "--format", "json")
        try:
            return json.loads(text)
        except ValueError as error:
            raise Failure(f"{shlex.join(['apus', *arguments])}: no JSON: {error}") from None


def check_sites(tool, program, level, info):
    """Enabled = listed as usable at this level, less those that `info` reports as refused, each with its reason."""
    sites = info["sites"]
    refused = sites.get("refused", {})
    refusals = sum(refused.values())
    if sites["found"] != sites["enabled"] + refusals:
        raise Failure(f"sites: {sites['found']} found, {sites['enabled']} enabled, {refusals} refused ({refused})")
    wanted = program.directive("refused")
    if wanted is not None and {k: int(n) for k, n in (word.split("=") for word in wanted.split())} != refused:
        raise Failure(f"refused sites: {refused}, not {wanted}")
    mode = level.split("-")[0]
    with_site = usable = 0
    loads = {module: 1 for module in program.modules}
    loads |= {os.path.join(os.path.dirname(program.path), name): times for name, times in program.opens.items()}
    for module, times in loads.items():
        rows = [row for row in tool.json("sites", module)["functions"] if row["site"]]
        listed, own = len(rows), len(call_sites.read(module))
        with_site += listed * times
        usable += sum(mode in row.get("modes", []) for row in rows) * times
        if own != listed:
            raise Failure(f"sites lists {listed} call sites in {module}, its sections hold {own}")
    if sites["found"] != with_site:
        raise Failure(f"info found {sites['found']} sites, `sites` lists {with_site}")
    # What cannot be used at this level `sites` knows; what no trampoline is near enough to, it cannot.
    unreachable = refused.get("out-of-reach", 0)
    if sites["enabled"] != usable - unreachable:
        raise Failure(f"{sites['enabled']} sites enabled at level {mode}, {usable} are usable (refused: {refused})")


def check_counts(tool, program, trace, own, cache_directory, lossy):
    rows = tool.json("report", trace)
    names, places = {}, {}
    for row in rows:
        calls = number(row["calls"]) + (number(row.get("lost", 0)) if lossy else 0)
        names[row["name"]] = names.get(row["name"], 0) + calls
        place = (module_key(row["path"]), number(row["address"]))
        places[place] = places.get(place, 0) + calls
    wanted = stated(program, own)
    lines = []
    if program.counts == "listed":
        lines = wrong_counts(wanted, {n: c for n, c in names.items() if c})
    elif program.counts == "callgrind":
        lines = wrong_counts(wanted, {n: c for n, c in names.items() if n in wanted})
        free = {n for n, c in program.calls.items() if c in ("own", "any")}
        expected = expectation(program, os.path.join(cache_directory, "callgrind.json"))
        readable = call_sites.demangle({s for symbols, _ in expected.values() for s in symbols})
        right, seen = {}, {}
        for place, (symbols, calls) in expected.items():
            if free.isdisjoint(readable[s] for s in symbols):
                label = f"{readable[symbols[0]]} at {os.path.basename(place[0])}+{place[1]:#x}"
                right[label], seen[label] = calls, places.pop(place, 0)
            else:
                places.pop(place, None)
        for place, calls in places.items():
            if calls:
                seen[f"{os.path.basename(place[0])}+{place[1]:#x} (unknown to the oracle)"] = calls
        lines += wrong_counts(right, seen)
    if lines:
        raise Failure("\n".join(["report counts", *lines]))


def check_open(tool, program, trace, timed):
    """Frames that were open at the end are said to be so, and have no duration; no others of their functions' rows are hurt."""
    wanted = program.directive("open", "").split()
    if not wanted:
        return
    text = tool.ask("replay", trace).decode()
    shown = [set(re.findall(r"/\* (.*): never returned \*/", text))]
    if timed:
        rows = map(json.loads, tool.ask("replay", trace, "--format", "json").splitlines())
        shown.append({row["name"] for row in rows if row["duration_ns"] is None})
    for names in shown:
        missing = [name for name in wanted if name not in names]
        if missing:
            raise Failure(f"replay shows no open frame of {', '.join(missing)}; open: {', '.join(sorted(names)) or 'none'}")


def check_left(tool, program, trace):
    """As many calls were left without returning as the program says: the others' returns were all seen."""
    wanted = program.directive("left")
    if wanted is None:
        return
    left = tool.ask("replay", trace).decode().count("left without returning")
    if left != int(wanted):
        raise Failure(f"{left} calls were left without returning, not {wanted}")


def check(tool, program, level, untraced, cache):
    directory = os.path.dirname(program.path)
    trace = os.path.join(directory, f"{level}.trace")
    counts_path = os.path.join(directory, f"{level}.counts")
    for stale in (trace, counts_path):
        if os.path.exists(stale):
            os.remove(stale)
    # What a program may grow by, in MiB, if it is about memory.
    environment = dict(os.environ, HARD_COUNTS=counts_path, HARD_MEMORY="48")
    options = LEVELS[level]
    if level.endswith("-regs"):
        options = [*options, "--regs", program.directive("regs", "*")]
    command = [tool.path, "record", "-o", trace, *options, "--", program.path, *program.arguments]
    traced = programs.run(command, float(program.directive("limit", "30")), environment)
    said = traced.errors.decode(errors="replace").strip()
    if traced.timed_out:
        raise Failure(f"no end after {traced.seconds:.0f} s\n{said}")
    refused_status = program.directive("status-traced")
    if refused_status is not None:
        if traced.status != int(refused_status) or traced.output:
            raise Failure(f"status {traced.status}, not {refused_status}; output {traced.output!r}\n{said}")
        if "-fpatchable-function-entry" not in said:
            raise Failure(f"the error does not name the compiler's flag:\n{said}")
        return traced.seconds
    if traced.output != untraced.output:
        raise Failure(difference(f"output differs (status {traced.status})", untraced.output, traced.output) + "\n" + said)
    if traced.status != untraced.status:
        raise Failure(f"status {traced.status}, not {untraced.status}\n{said}")
    info = tool.json("info", trace)
    lossy = level.endswith("drop") or program.directive("may-lose") is not None
    if info["lost"] != 0 and not lossy:
        raise Failure(f"{info['lost']} calls lost under wait")
    check_sites(tool, program, level, info)
    for reason in program.directive("refused", "").split():
        if reason.split("=")[0] not in said:
            raise Failure(f"standard error does not say '{reason}':\n{said}")
    if level.startswith("graph"):
        slow = {key(name): count for name, count in info["slow_paths"].items()}
        for name in filter(None, program.directive("needs-slow", "").split(",")):
            if slow.get(name.strip(), 0) <= 0:
                raise Failure(f"slow path {name.strip()} was never taken: {slow}")
    own = programs.read_own_counts(counts_path)
    if program.counts != "none":
        check_counts(tool, program, trace, own, directory, lossy)
    if level.startswith("graph") and not level.endswith("drop"):
        check_open(tool, program, trace, not level.endswith("untimed"))
        check_left(tool, program, trace)
    os.remove(trace)
    return traced.seconds


def check_untraced(program):
    """Without a tracer: the program repeats itself, and says of its calls what callgrind says."""
    directory = os.path.dirname(program.path)
    counts_path = os.path.join(directory, "untraced.counts")
    environment = dict(os.environ, HARD_COUNTS=counts_path)
    first = programs.run([program.path, *program.arguments], 30, environment)
    own = programs.read_own_counts(counts_path)
    second = programs.run([program.path, *program.arguments], 30)
    if first.status != program.status:
        raise Failure(f"status {first.status}, not {program.status}\n{first.errors.decode(errors='replace')}")
    if (first.output, first.status) != (second.output, second.status):
        raise Failure(difference("two runs differ", first.output, second.output))
    if first.seconds > 2:
        raise Failure(f"{first.seconds:.1f} s untraced")
    sites = {m: call_sites.read(m) for m in program.modules}
    if (sum(map(len, sites.values())) == 0) != (program.directive("sites") == "none"):
        raise Failure("no call sites" if program.directive("sites") is None else "call sites, but it should have none")
    wanted = stated(program, own)
    opened = [os.path.join(directory, name) for name in program.opens]
    known = set()
    for module in program.modules + opened:
        known |= {s for f in call_sites.read(module).values() for s in f.names}
    unknown = [n for n in wanted if n not in set(call_sites.demangle(known).values())]
    if unknown:
        raise Failure(f"calls names functions without a call site: {', '.join(unknown)}")
    if program.directive("oracle") == "gcov":
        if not program.command.startswith("g"):
            return first.seconds  # its other variants are verified
        command = programs.compile_command(program.command, program.source, program.path, directory)
        environment["HARD_ORACLE"] = "1"
        counted = oracle.coverage(command, program.path, program.arguments, environment)
        lines = wrong_counts(stated(program, own), {n: c for n, c in counted.items() if c})
        lines = [line for line in lines if line.split(":")[0].strip() not in own]
        if lines:
            raise Failure("\n".join(["what the program states is not what gcov counts", *lines]))
    elif program.counts != "none":
        cache_path = os.path.join(directory, "callgrind.json")
        if program.counts == "callgrind":
            expected = expectation(program, cache_path)
        else:
            expected = {}
            environment["HARD_ORACLE"] = "1"
            found, _, _ = oracle.profile([program.path, *program.arguments], environment)
            own = programs.read_own_counts(counts_path)
            wanted = stated(program, own)
            for (module, address), value in oracle.expected(found, program.modules + opened).items():
                expected[(module, address)] = value
        counted = {n: c for n, c in by_name(expected).items() if c}
        if program.counts == "listed":
            lines = wrong_counts(wanted, counted)
        else:
            fixed = {n: c for n, c in wanted.items() if program.calls[n] != "own"}
            lines = wrong_counts(fixed, {n: c for n, c in counted.items() if n in fixed})
        if lines:
            raise Failure("\n".join(["what the program states is not what callgrind counts", *lines]))
    return first.seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus", nargs="?", help="the apus executable")
    parser.add_argument("--untraced", action="store_true", help="check the programs themselves, without apus")
    parser.add_argument("--listed", action="store_true", help="with --untraced: only programs that list their counts")
    parser.add_argument("--only", default="*", metavar="GLOB", help="program names, or NAME[VARIANT]")
    parser.add_argument("--levels", default=",".join(LEVELS), help="default: all of " + ", ".join(LEVELS))
    parser.add_argument("--jobs", type=int, default=1, help="programs at a time (default 1); builds always use all cores")
    parser.add_argument("--cache", default=programs.DEFAULT_CACHE, help="where programs are built")
    options = parser.parse_args()
    if not options.untraced and not options.apus:
        parser.error("APUS is needed, unless --untraced")
    levels = options.levels.split(",")
    for level in levels:
        if level not in LEVELS:
            parser.error(f"no level {level}; there are {', '.join(LEVELS)}")
    chosen = programs.load(options.only)
    if options.listed:
        chosen = [program for program in chosen if program.counts == "listed"]
    if not chosen:
        parser.error(f"no program matches {options.only}")

    failed = []
    passed = 0

    def say(program, level, seconds, problem):
        nonlocal passed
        text = f"{'ok  ' if problem is None else 'FAIL'} {program.name:32} {level:14}"
        print(f"{text} {seconds:6.2f} s" if problem is None else text, flush=True)
        if problem is None:
            passed += 1
        else:
            failed.append((program.name, level))
            print("\n".join("     " + line for line in problem.splitlines()), flush=True)

    def one_build(program):
        try:
            programs.build(program, options.cache)
        except programs.BuildError as error:
            return str(error)
        return None

    def one_program(program):
        """[(level, seconds, problem)]"""
        results = []
        if options.untraced:
            try:
                return [("untraced", check_untraced(program), None)]
            except (Failure, RuntimeError, ValueError, OSError) as error:
                return [("untraced", 0, str(error))]
        untraced = programs.run([program.path, *program.arguments], 30)
        if untraced.status != program.status or untraced.timed_out:
            return [("untraced", 0, f"status {untraced.status}, not {program.status}")]
        for level in levels:
            try:
                results.append((level, check(Tool(options.apus), program, level, untraced, options.cache), None))
            except Failure as error:
                results.append((level, 0, str(error)))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                results.append((level, 0, f"apus' JSON is not as agreed: {type(error).__name__}: {error}"))
        return results

    start = time.monotonic()
    # `also` variants with libraries build these again: directories are never shared, so builds can run side by side.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = list(pool.map(one_build, chosen))
    buildable = []
    for program, problem in zip(chosen, problems):
        if problem is None:
            buildable.append(program)
        else:
            say(program, "build", 0, problem)
    print(f"{len(buildable)} programs built in {time.monotonic() - start:.1f} s", flush=True)
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        for program, results in zip(buildable, pool.map(one_program, buildable)):
            for level, seconds, problem in results:
                say(program, level, seconds, problem)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
