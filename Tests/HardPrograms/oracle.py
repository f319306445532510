"""Exact call counts from callgrind, and from gcov where callgrind cannot run a program.

With --dump-instr=yes callgrind counts how often each instruction ran. A function with a call site begins with nops (or
a landing pad) that no loop jumps back to, so the executions of its first instruction are its calls: called, tail-called,
entered by a signal or by a new thread alike. The sum of `calls=` lines, which knows only calls and jumps that it saw
from other code, is read too, as a cross-check. Recursion levels (fn'2) are summed, since both go by address.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile

import call_sites


class Profile:
    """executions[object][address] and calls[object][address], addresses as linked."""

    def __init__(self):
        self.executions, self.calls = {}, {}


def parse(lines):
    profile = Profile()
    names = {"ob": {}}
    current, target, address, in_call = None, None, 0, False
    executions = None
    for line in lines:
        first = line[:1]
        if first.isdigit() or first in "+-*":
            parts = line.split()
            where = parts[0]
            if where == "*":
                pass
            elif where[0] == "+":
                address += int(where[1:], 0)
            elif where[0] == "-":
                address -= int(where[1:], 0)
            else:
                address = int(where, 0)
            if in_call:
                in_call = False  # the inclusive cost of the call above
            elif len(parts) > 2:
                executions[address] = executions.get(address, 0) + int(parts[2])
            continue
        if line.startswith("calls="):
            count, where = line[6:].split()[:2]
            place = address if where == "*" else address + int(where, 0) if where[0] in "+-" else int(where, 0)
            table = profile.calls.setdefault(target if target is not None else current, {})
            table[place] = table.get(place, 0) + int(count)
            in_call, target = True, None
            continue
        match = re.match(r"(c?ob)=(?:\((\d+)\))?\s*(.*)", line)
        if match:
            kind, number, name = match.groups()
            if number is not None:
                if name:
                    names["ob"][number] = name
                name = names["ob"][number]
            if kind == "ob":
                current = name
                executions = profile.executions.setdefault(current, {})
            else:
                target = name
        elif line.startswith("fn="):
            target = None
    return profile


def profile(command, environment=None, limit=300, stdin=os.devnull):
    """Runs the command under callgrind: its profile, its standard output, its status (128 + n after a signal)."""
    with tempfile.TemporaryDirectory() as directory, open(stdin) as source:
        # One file a process: a forked child writes its own, and only the first process is asked for.
        pattern = os.path.join(directory, "out.%p")
        run = subprocess.Popen(
            ["valgrind", "-q", "--tool=callgrind", "--dump-instr=yes", "--separate-threads=no", "--max-threads=12000",
             f"--callgrind-out-file={pattern}", "--", *command],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=source, env=environment)
        try:
            output, _ = run.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            raise
        path = os.path.join(directory, f"out.{run.pid}")
        if not os.path.exists(path):
            raise RuntimeError(f"callgrind wrote no profile for {command}")
        with open(path) as file:
            found = parse(file)
        return found, output, run.returncode if run.returncode >= 0 else 128 - run.returncode


def expected(found, modules):
    """Calls of every function with a call site in `modules` (paths): {(module path, address): (names, calls)}."""
    result = {}
    by_real_path = {}
    for name, table in found.executions.items():
        merged = by_real_path.setdefault(os.path.realpath(name), {})
        for address, count in table.items():
            merged[address] = merged.get(address, 0) + count
    for module in modules:
        executions = by_real_path.get(os.path.realpath(module), {})
        for address, function in call_sites.read(module).items():
            result[(module, address)] = (function.names, executions.get(address, 0))
    return result


def cross_check(found, modules):
    """Functions whose `calls=` sum differs from the executions of their first instruction: (names, executions, calls)."""
    differences = []
    for module in modules:
        names = [n for n in found.executions if os.path.realpath(n) == os.path.realpath(module)]
        for address, function in call_sites.read(module).items():
            ran = sum(found.executions[n].get(address, 0) for n in names)
            called = sum(found.calls.get(n, {}).get(address, 0) for n in found.calls
                         if n and os.path.realpath(n) == os.path.realpath(module))
            if ran != called:
                differences.append((function.names, ran, called))
    return differences


def coverage_command(command):
    """The compile command with coverage counters, at -O0 and without inlining, its call sites kept. gcc only."""
    if not os.path.basename(command[0]).startswith(("gcc", "g++", "cc", "c++")):
        raise ValueError(f"gcov counts need gcc, not {command[0]}")
    kept = [word for word in command if not word.startswith("-O")]
    return [kept[0], "-O0", "-fno-inline", "--coverage", "-fprofile-update=atomic", *kept[1:]]


def coverage_counts(directory):
    """Executions of every function by demangled name, from the counts that a run left in `directory`, which go away."""
    counts = {}
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".gcda"):
            continue
        answer = subprocess.run(["gcov", "--json-format", "--stdout", name], cwd=directory, check=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in answer.stdout.splitlines():
            for file in json.loads(line)["files"]:
                for function in file["functions"]:
                    key = function["demangled_name"]
                    counts[key] = counts.get(key, 0) + function["execution_count"]
        os.remove(os.path.join(directory, name))
    return counts


def coverage(command, output, arguments, environment=None, limit=60):
    """Builds with coverage (`output` is in `command`), runs, and gives the executions by demangled name."""
    directory = os.path.join(os.path.dirname(output), "coverage")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    binary = os.path.join(directory, os.path.basename(output))
    subprocess.run(coverage_command([binary if word == output else word for word in command]), check=True, cwd=directory)
    subprocess.run([binary, *arguments], timeout=limit, env=environment, cwd=directory,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sites = {name for f in call_sites.read(binary).values() for name in f.names}
    with_site = set(call_sites.demangle(sites).values())
    return {name: count for name, count in coverage_counts(directory).items() if name in with_site}
