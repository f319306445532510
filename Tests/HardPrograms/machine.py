#!/usr/bin/env python3
"""Runs the hard programs in the arm64 machine, untraced and under `apus record` at every level, and compares.

  machine.py APUS [--arm64 APUS] [--only GLOB]... [--first] [--levels NAME,...] [--timeout S] [--processors N] [--cpu MODEL]

APUS is this machine's, which lists the call sites; --arm64 is the one that records (default: what build-arm64.sh makes).
The programs are built by the cross compilers. Checked as in run.py; what callgrind would count there is taken from its
counts of the same source here, by name, or (`counts[arm64]: emulator`) from the user-mode emulator's count of the very
program, by address. Programs that only an x86_64 compiler takes are listed as such. The emulated processor is some 30 times
slower than this one: all programs at all levels take more than an hour.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import call_sites  # noqa: E402
import emulated  # noqa: E402
import programs  # noqa: E402
import run  # noqa: E402

TOP = os.path.dirname(os.path.dirname(programs.HERE))
TRIPLE = "aarch64-linux-gnu"
# The places in the sources that are x86_64's own.
FOREIGN_FLAGS = ("-mno-red-zone", "-m64", "-mcmodel")
# A signal that the tracer sees takes 1 ms there, and 10 on a busy machine; here 0.02.
PACE = 25
# What protects control flow: landing pads and signed return addresses here.
PROTECTION = ("-fcf-protection=full", "-mbranch-protection=standard")


# Call sites, and those whose stubs functions may share.
ENTRIES = ["-fpatchable-function-entry=2"]
SHARED_ENTRIES = ["-fpatchable-function-entry=4,2", "-falign-functions=16"]


def cross(command, sites):
    """The same command for arm64's compiler."""
    words = shlex.split(command)
    name = os.path.basename(words[0])
    compiler = {"cc": f"{TRIPLE}-gcc", "gcc": f"{TRIPLE}-gcc", "c++": f"{TRIPLE}-g++", "g++": f"{TRIPLE}-g++"}.get(name)
    words[0:1] = [compiler] if compiler else [words[0], f"--target={TRIPLE}"]
    entries = [w for w in words if w.startswith("-fpatchable-function-entry=")]
    if entries not in ([], ["-fpatchable-function-entry=0"]):
        raise programs.BuildError("its call sites are x86_64's")
    if not entries:
        words[1:1] = sites
    words = [PROTECTION[1] if w == PROTECTION[0] else w for w in words]
    return shlex.join(w for w in words if not w.startswith(FOREIGN_FLAGS))


def build(program, cache, sites):
    """Builds one program for arm64; its directives are arm64's, where it has such."""
    own = {key.removesuffix("[arm64]"): value for key, value in program.directives.items() if key.endswith("[arm64]")}
    program.directives = {**program.directives, **own}
    program.command = cross(program.command, sites)
    program.libraries = [[name, cross(command, sites)] for name, command in program.libraries]
    programs.build(program, cache)


def script(chosen, levels, limit, time, more):
    """What the machine runs: every program at every level, each with its outputs and what apus says of the trace. After
    `time` seconds no more programs are begun."""
    lines = ["cd /job"]
    for program in chosen:
        place = os.path.basename(os.path.dirname(program.path))
        command = shlex.join([f"/job/programs/{place}/{program.stem}", *program.arguments])
        lines.append(f"[ $(cut -d. -f1 /proc/uptime) -lt {time} ] || exit 0")
        lines.append(f"mkdir -p /out/{place}; cd /out/{place}")
        for level in ["untraced", *levels]:
            before = ""
            if level != "untraced":
                options = run.LEVELS[level] + more
                if level.endswith("-regs"):
                    options += ["--regs", program.directive("regs", "*")]
                before = shlex.join(["/job/apus", "record", "-o", "/tmp/trace", *options, "--"]) + " "
            lines += [
                f"echo '     {program.name} {level}' $(cut -d. -f1 /proc/uptime)",
                "start=$(cut -d. -f1 /proc/uptime)",
                f"rm -f /tmp/trace; HARD_PACE={PACE} HARD_COUNTS=$PWD/{level}.counts timeout -s KILL {limit} {before}{command} "
                f"> {level}.out 2> {level}.err < /dev/null; echo $? $(($(cut -d. -f1 /proc/uptime) - start)) > {level}.status",
            ]
            if level != "untraced":
                lines += [
                    f"/job/apus info /tmp/trace --format json > {level}.info 2> {level}.info-errors",
                    f"/job/apus report /tmp/trace --format json > {level}.report 2> {level}.report-errors",
                ]
            # Millions of lines, and only these are asked for them.
            if level == "graph" and program.directive("left"):
                lines += ["/job/apus replay /tmp/trace > graph.replay 2>&1"]
            if level == "graph" and program.directive("open"):
                lines += ["/job/apus replay /tmp/trace --format json > graph.replay-json 2>&1"]
    return "\n".join([*lines, "true"]) + "\n"


class Recorded:
    """The tracer's answers from the machine; `sites` is asked here."""

    def __init__(self, apus, directory, level):
        self.apus, self.directory, self.level = run.Tool(apus), directory, level

    def ask(self, what, *arguments, **_):
        if what == "sites":
            return self.apus.ask(what, *arguments)
        suffix = what + ("-json" if what == "replay" and "--format" in arguments else "")
        with open(os.path.join(self.directory, f"{self.level}.{suffix}"), "rb") as file:
            return file.read()

    def json(self, *arguments):
        return json.loads(self.ask(*arguments, *([] if arguments[0] == "replay" else ["--format", "json"])))


def outcome(directory, level, limit):
    def read(name):
        with open(os.path.join(directory, f"{level}.{name}"), "rb") as file:
            return file.read()

    status, seconds = (int(word) for word in read("status").split())
    # A program that kills itself has the status of one whose time was over.
    return programs.Result(status, read("out"), read("err"), 0, status == 137 and seconds >= limit)


def check_addresses(program, rows, lossy):
    """Each function's calls against the emulator's count of the same file, both ways."""
    cache = os.path.join(os.path.dirname(program.path), "emulated.json")
    if not os.path.exists(cache):
        counted = emulated.counts([program.path, *program.arguments], program.status)
        with open(cache, "w") as file:
            json.dump([[address, names, calls] for address, (names, calls) in counted.items()], file)
    with open(cache) as file:
        expected = {address: (names, calls) for address, names, calls in json.load(file)}
    seen = {}
    for row in rows:
        label = f"{row['name']} at {os.path.basename(row['path'])}+{row['address']}"
        address = run.number(row["address"])
        if os.path.basename(row["path"]) != program.stem or address not in expected:
            raise run.Failure(f"{label}: unknown to the emulator's count")
        seen[address] = seen.get(address, 0) + run.number(row["calls"]) + (run.number(row.get("lost", 0)) if lossy else 0)
    lines = run.wrong_counts({f"{'/'.join(names)} at {address:#x}": calls for address, (names, calls) in expected.items()},
                             {f"{'/'.join(expected[address][0])} at {address:#x}": calls for address, calls in seen.items()})
    if lines:
        raise run.Failure("\n".join(["report counts", *lines]))


def check_counts(tool, program, own, here, lossy):
    """As run.py does it, by name: callgrind's counts are those of this machine's build."""
    rows = tool.json("report", "trace")
    names = {}
    for row in rows:
        calls = run.number(row["calls"]) + (run.number(row.get("lost", 0)) if lossy else 0)
        names[row["name"]] = names.get(row["name"], 0) + calls
    wanted = run.stated(program, own)
    if program.counts == "emulator":
        check_addresses(program, rows, lossy)
        names = {name: calls for name, calls in names.items() if name in wanted}
    if program.counts == "callgrind":
        known = run.by_name(run.expectation(here, os.path.join(os.path.dirname(here.path), "callgrind.json")))
        # The name of what a resolver chooses is its second one.
        known = {name: calls for name, calls in known.items() if not name.endswith(" (resolver)")}
        free = {n for n, c in program.calls.items() if c in ("own", "any")}
        wanted = {**{n: c for n, c in known.items() if n not in free}, **wanted}
    lines = run.wrong_counts(wanted, {n: c for n, c in names.items() if c})
    if lines:
        raise run.Failure("\n".join(["report counts", *lines]))


def check(tool, program, here, level, directory, limit):
    untraced, traced = outcome(directory, "untraced", limit), outcome(directory, level, limit)
    said = traced.errors.decode(errors="replace").strip()
    if traced.timed_out:
        raise run.Failure(f"no end\n{said}")
    if untraced.status != program.status:
        raise run.Failure(f"untraced: status {untraced.status}, not {program.status}")
    refused = program.directive("status-traced")
    if refused is not None:
        if traced.status != int(refused) or traced.output:
            raise run.Failure(f"status {traced.status}, not {refused}\n{said}")
        return
    if traced.output != untraced.output:
        raise run.Failure(
            run.difference(f"output differs (status {traced.status})", untraced.output, traced.output) + "\n" + said)
    if traced.status != untraced.status:
        raise run.Failure(f"status {traced.status}, not {untraced.status}\n{said}")
    info = tool.json("info", "trace")
    lossy = level.endswith("drop") or program.directive("may-lose") is not None
    if info["lost"] != 0 and not lossy:
        raise run.Failure(f"{info['lost']} calls lost under wait")
    run.check_sites(tool, program, level, info)
    if level.startswith("graph"):
        slow = {run.key(name): count for name, count in info["slow_paths"].items()}
        for name in filter(None, program.directive("needs-slow", "").split(",")):
            # Return addresses are not put back here, and so not armed again.
            name = "walked_through" if name.strip() == "re_armed" else name.strip()
            if slow.get(name, 0) <= 0:
                raise run.Failure(f"slow path {name} was never taken: {slow}")
    own = programs.read_own_counts(os.path.join(directory, f"{level}.counts"))
    if program.counts != "none":
        check_counts(tool, program, own, here, lossy)
    if level == "graph":
        run.check_open(tool, program, "trace", timed=True)
        run.check_left(tool, program, "trace")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus")
    parser.add_argument("--arm64", default=os.path.join(TOP, ".build-arm64", "apus"), metavar="APUS")
    parser.add_argument("--only", action="append", metavar="GLOB", help="program names, or NAME[VARIANT]")
    parser.add_argument("--first", action="store_true", help="of each source only the first build")
    parser.add_argument("--levels", default=",".join(run.LEVELS))
    parser.add_argument("--timeout", type=int, default=600, help="of the machine, in seconds (600)")
    parser.add_argument("--limit", type=int, default=60, help="of one run in the machine, in seconds (60)")
    parser.add_argument("--shared", action="store_true", help="functions share their stubs, where they can")
    parser.add_argument("--processors", type=int, default=2)
    parser.add_argument("--cpu", default="cortex-a57",
                        help="processor (cortex-a57); max,pauth-impdef=on signs return addresses and has landing pads")
    options = parser.parse_args()
    levels = options.levels.split(",")
    chosen, native, foreign, seen = [], {}, [], set()
    patterns = options.only or ["*"]
    for program, here in [pair for p in patterns for pair in zip(programs.load(p), programs.load(p))]:
        if options.first and program.variant is not None or program.name in seen:
            continue
        seen.add(program.name)
        try:
            build(program, programs.DEFAULT_CACHE + ("-arm64-shared" if options.shared else "-arm64"),
                  SHARED_ENTRIES if options.shared else ENTRIES)
            programs.build(here, programs.DEFAULT_CACHE)
        except programs.BuildError as error:
            foreign.append((program.name, str(error)))
            continue
        chosen.append(program)
        native[program.name] = here
    for name, why in foreign:
        print(f"--   {name:32} not for arm64: {(why.splitlines() or [''])[-1][:200]}")
    passed = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        job, out = os.path.join(scratch, "job"), os.path.join(scratch, "out")
        os.makedirs(os.path.join(job, "programs"))
        shutil.copy(options.arm64, os.path.join(job, "apus"))
        for program in chosen:
            source = os.path.dirname(program.path)
            shutil.copytree(source, os.path.join(job, "programs", os.path.basename(source)))
        with open(os.path.join(job, "run.sh"), "w") as file:
            more = ["--shared-stubs"] if options.shared else []
            file.write(script(chosen, levels, options.limit, options.timeout * 2 // 3, more))
        answer = subprocess.run(
            [os.path.join(TOP, "Tools", "machines", "run-in-machine"), "arm64", "--smp", str(options.processors), "--cpu", options.cpu,
             "--memory", "2048", "--timeout", str(options.timeout), "--out", out, job, "sh", "run.sh"])
        if answer.returncode != 0:
            print(f"the machine ended with {answer.returncode}")
            return 1
        for program in chosen:
            directory = os.path.join(out, os.path.basename(os.path.dirname(program.path)))
            if not os.path.exists(os.path.join(directory, f"{levels[-1]}.status")):
                failed += 1
                print(f"FAIL {program.name:32} not run: the time was over")
                continue
            for level in levels:
                try:
                    check(Recorded(options.apus, directory, level), program, native[program.name], level, directory, options.limit)
                    passed += 1
                    print(f"ok   {program.name:32} {level}", flush=True)
                except (run.Failure, KeyError, TypeError, ValueError, OSError) as error:
                    failed += 1
                    print(f"FAIL {program.name:32} {level}", flush=True)
                    print("\n".join("     " + line for line in str(error).splitlines()[:40]), flush=True)
    print(f"{passed} passed, {failed} failed, {len(foreign)} not for arm64")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
