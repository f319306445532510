#!/usr/bin/env python3
"""Compares apus' counts with an independent exact count of the same binary, by address, both ways.

  counts.py APUS [--levels L,...] [--module LIBRARY]... BINARY ARG...            against callgrind
  counts.py APUS --gcov 'gcc FLAGS SOURCE...' [--levels L,...] -- ARG...         against gcov, in one and the same run
  counts.py --dump [--module LIBRARY]... BINARY ARG...                          only callgrind's counts, as JSON

callgrind: the executions of every call site's function at its first instruction (see oracle.py), over all threads and
recursion levels, in BINARY and each LIBRARY; the program must make the same calls each time it runs. gcov: the program is
built once, with coverage counters and call sites, at -O0 without inlining; the counters that the recorded run itself leaves
are compared, so it may differ from run to run; by demangled name. Standard input is passed on by --stdin FILE.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import call_sites  # noqa: E402
import oracle  # noqa: E402


def fail(text):
    print(text)
    sys.exit(1)


def number(value):
    return int(value, 0) if isinstance(value, str) else int(value)


def call(command, **options):
    """Runs a step of this check; its standard output. A failure ends the check with what it said."""
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if answer.returncode != 0:
        fail(f"{shlex.join(command)}: status {answer.returncode}\n{answer.stderr.decode(errors='replace')}")
    return answer.stdout


def record(apus, level, command, trace, stdin):
    """Records the program; its status is its own affair, unless apus itself failed (125)."""
    with open(stdin) as source:
        answer = subprocess.run([apus, "record", "-o", trace, "--level", level, "--", *command], stdin=source,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if answer.returncode == 125 or not os.path.exists(trace):
        fail(f"apus record --level {level}: status {answer.returncode}\n{answer.stderr.decode(errors='replace')}")
    info = json.loads(call([apus, "info", trace, "--format", "json"]))
    if info["lost"]:
        fail(f"{level}: {info['lost']} calls lost")
    return json.loads(call([apus, "report", trace, "--format", "json"])), info


def compare(level, wanted, got, label):
    """Both ways; prints every difference. True if there is none."""
    differing = [k for k in sorted(set(wanted) | set(got), key=str) if wanted.get(k, 0) != got.get(k, 0)]
    for k in differing[:50]:
        print(f"  {label(k)}: apus {got.get(k, 0)}, oracle {wanted.get(k, 0)}")
    if len(differing) > 50:
        print(f"  … and {len(differing) - 50} more")
    called = sum(1 for c in wanted.values() if c)
    print(f"{'FAIL' if differing else 'ok  '} {level}: {called} functions, {sum(wanted.values())} calls"
          f"{f', {len(differing)} differ' if differing else ''}")
    return not differing


def against_callgrind(options):
    command = [os.path.abspath(options.command[0]), *options.command[1:]]
    modules = [command[0], *map(os.path.abspath, options.module)]
    found, _, status = oracle.profile(command, limit=1800, stdin=options.stdin)
    expected = oracle.expected(found, modules)
    for names, ran, called in oracle.cross_check(found, modules):
        print(f"note: {'/'.join(names)} ran {ran} times, callgrind saw {called} calls (signal handlers are not called)",
              file=sys.stderr)
    total = sum(calls for _, calls in expected.values())
    if options.dump:
        rows = [{"module": m, "address": hex(a), "names": n, "calls": c} for (m, a), (n, c) in sorted(expected.items()) if c]
        json.dump({"status": status, "sites": len(expected), "functions": len(rows), "calls": total, "rows": rows},
                  sys.stdout, indent=1)
        print()
        return True
    good = True
    for module in modules:
        listed = {number(r["address"]) for r in json.loads(call([options.apus, "sites", module, "--format", "json"]))["functions"]
                  if r["site"]}
        own = set(call_sites.read(module))
        for address in sorted(listed ^ own):
            print(f"  {os.path.basename(module)}+{address:#x}: {'only apus' if address in listed else 'only the section'}"
                  " has this call site")
            good = False
    names = {(os.path.realpath(m), a): n for (m, a), (n, _) in expected.items()}
    wanted = {(os.path.realpath(m), a): c for (m, a), (_, c) in expected.items()}
    readable = call_sites.demangle({s for n in names.values() for s in n})

    def label(place):
        symbols = names.get(place, [])
        return f"{'/'.join(readable[s] for s in symbols) or '(no site known)'} {os.path.basename(place[0])}+{place[1]:#x}"

    with tempfile.TemporaryDirectory() as directory:
        for level in options.levels.split(","):
            rows, info = record(options.apus, level, command, os.path.join(directory, "trace"), options.stdin)
            got = {}
            for row in rows:
                place = (os.path.realpath(row["path"]), number(row["address"]))
                got[place] = got.get(place, 0) + number(row["calls"])
            good &= compare(level, wanted, got, label)
            if info["calls"] != sum(wanted.values()):
                print(f"  info says {info['calls']} calls")
                good = False
    return good


def against_gcov(options):
    good = True
    with tempfile.TemporaryDirectory() as directory:
        binary = os.path.join(directory, "program")
        words = shlex.split(options.gcov)
        words = [os.path.abspath(w) if os.path.isfile(w) else w for w in words]
        if not any(w.startswith("-fpatchable-function-entry") for w in words):
            words.insert(1, "-fpatchable-function-entry=5")
        call(oracle.coverage_command([*words, "-o", binary]), cwd=directory)
        sites = {name for f in call_sites.read(binary).values() for name in f.names}
        # The compiler's own constructor and destructor of coverage have sites, but no counts.
        readable = {r for s, r in call_sites.demangle(sites).items() if not s.startswith("_sub_")}
        for level in options.levels.split(","):
            rows, _ = record(options.apus, level, [binary, *options.command], os.path.join(directory, "trace"), options.stdin)
            wanted = {n: c for n, c in oracle.coverage_counts(directory).items() if n in readable and c}
            got = {}
            for row in rows:
                if not row["name"].startswith("_sub_"):
                    got[row["name"]] = got.get(row["name"], 0) + number(row["calls"])
            good &= compare(level, wanted, got, str)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dump", action="store_true", help="only print callgrind's counts (no APUS)")
    parser.add_argument("--gcov", metavar="COMPILE", help="compile command without -o")
    parser.add_argument("--levels", default="count,entry,graph")
    parser.add_argument("--module", action="append", default=[], help="a shared library to compare as well")
    parser.add_argument("--stdin", default=os.devnull, metavar="FILE")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="[APUS] BINARY ARG...")
    options = parser.parse_args()
    if not options.dump:
        if not options.command:
            parser.error("APUS is needed")
        options.apus = os.path.abspath(options.command.pop(0))
        # Options may also follow APUS.
        rest, options.command = options.command, []
        again = argparse.ArgumentParser(add_help=False)
        for flag, settings in (("--gcov", {}), ("--levels", {}), ("--stdin", {}), ("--module", {"action": "append"})):
            again.add_argument(flag, default=argparse.SUPPRESS, **settings)
        again.add_argument("command", nargs=argparse.REMAINDER)
        again.parse_args(rest, namespace=options)
    if options.command[:1] == ["--"]:
        options.command = options.command[1:]
    if options.gcov:
        return 0 if against_gcov(options) else 1
    if not options.command:
        parser.error("BINARY is needed")
    return 0 if against_callgrind(options) else 1


if __name__ == "__main__":
    sys.exit(main())
