"""Lua on arm64: `apus` there records it, and each function's calls are those that gcov counts in another build of the same source.

Both builds have inlining off, and what else makes fewer or other calls of the source's.
"""

import collections
import json
import pathlib
import shutil
import subprocess

from bench import COMPILERS, TOP, Job, check, equal, tail

# Off: what merges, splits, clones, removes or moves calls.
CALLS_AS_WRITTEN = ("-fno-inline -fno-partial-inlining -fno-ipa-cp -fno-ipa-sra -fno-ipa-icf -fno-ipa-pure-const "
                    "-fno-ipa-modref -fno-tree-pre -fno-code-hoisting -fno-tree-tail-merge -fno-crossjumping "
                    "-fno-split-paths -fno-optimize-sibling-calls")
# What a constant takes the place of: addresses, in the strings' hash and in their cache. And gcov is wrong about functions with
# computed jumps.
SAME_CALLS = "-Dluai_makeseed(L)=1 -DSTRCACHE_N=1 -DSTRCACHE_M=1 -DLUA_USE_JUMPTABLE=0"
LEVELS = {
    "count": ["--level", "count"],
    "entry": ["--level", "entry"],
    "entry-untimed": ["--level", "entry", "--no-time"],
    "graph": [],
    "graph-untimed": ["--no-time"],
}
SCRIPTS = [("strings.lua", "1000"), ("variety.lua",)]


def build(directory, flags, notes=None):
    """The interpreter; gcov's notes go to a directory."""
    source = directory / "source"
    steps = [] if source.exists() else [[TOP / "Tools/fetch-source.sh", "lua5.4", source]]
    program = directory / "lua"
    steps.append([TOP / "Tools/build-lua.sh", source, program, f"{COMPILERS['arm64']}gcc", flags, *([notes] if notes else [])])
    for step in steps:
        done = subprocess.run([str(word) for word in step], capture_output=True)
        check(done.returncode == 0, f"{step[0]}: {tail(done.stderr)}")
    return program


def functions(program):
    """{address: (source file, name)} of all functions, by the symbol table: a static function's symbol follows its file's. Those
    that the linker has made local follow a file without a name."""
    table = subprocess.run(["readelf", "-sW", "--sym-base=10", program], capture_output=True, text=True, check=True).stdout
    found, file = {}, ""
    for line in table.split("'.symtab'")[1].splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[3] == "FILE":
            file = fields[7] if len(fields) > 7 else ""
        elif len(fields) > 7 and fields[3] == "FUNC" and fields[6] != "UND":
            found[int(fields[1], 16)] = (file if fields[4] == "LOCAL" else "", fields[7])
    return found


def coverage(notes, data):
    """{(source file, name): calls} by gcov, and the files' function names."""
    counts = collections.Counter()
    for file in sorted(data.glob("*.gcda")):
        shutil.copy(file, notes)
        answer = subprocess.run([f"{COMPILERS['arm64']}gcov", "--json-format", "--stdout", file.name], cwd=notes,
                                capture_output=True)
        check(answer.returncode == 0, f"gcov {file.name}: {tail(answer.stderr)}")
        for document in answer.stdout.splitlines():
            for source in json.loads(document)["files"]:
                for function in source["functions"]:
                    counts[file.name.split(".c.")[0] + ".c", function["name"]] += function["execution_count"]
    return counts


def by_function(rows, known):
    counts = collections.Counter()
    for row in rows:
        address = row["address"]
        counts[known[int(address, 0) if isinstance(address, str) else address]] += int(row["calls"])
    return counts


def compare(what, got, wanted):
    """Each function's calls; `wanted` has the source file of every function, `got` only of those that are local to it."""
    named = collections.Counter()
    for (file, name), calls in wanted.items():
        named[(file, name) if (file, name) in got else ("", name)] += calls
    wrong = [f"{file or '(global)'} {name}: apus {got[file, name]}, gcov {named[file, name]}"
             for file, name in sorted(set(got) | set(named)) if got[file, name] != named[file, name]]
    check(not wrong, f"{what}: {len(wrong)} functions differ\n" + "\n".join(wrong[:40]))


def record(ended, files, name, known, sites):
    """What one recording's files say, beside the run's own answer."""
    check((files / f"{name}.status").read_text() == "0\n", f"{name}: apus record: {tail((files / f'{name}.err').read_bytes())}", ended)
    info = json.loads((files / f"{name}.info").read_text())
    equal(info["lost"], 0, f"{name}: lost calls")
    equal(info["sites"]["enabled"], sites, f"{name}: enabled call sites")
    rows = json.loads((files / f"{name}.report").read_text())
    counts = by_function(rows, known)
    equal(info["calls"], sum(counts.values()), f"{name}: calls in info and in the report")
    return counts


def test_lua_counts(_, apus_arm64):
    with Job("arm64") as job:
        inside = job.directory / "in"
        shutil.copy(apus_arm64, inside / "apus")
        for script in SCRIPTS:
            shutil.copy(TOP / "Tools/workloads" / script[0], inside)
        home = job.directory / "home"
        home.mkdir()
        notes = home / "notes"
        notes.mkdir()
        lua = build(home, f"-O2 -g -fpatchable-function-entry=2 {CALLS_AS_WRITTEN} {SAME_CALLS}")
        # Their names are as long as each other: the collector sees them.
        for name in ["site", "gcov"]:
            (inside / name).mkdir()
        shutil.copy(lua, inside / "site")
        known = functions(lua)
        shutil.copy(build(home, f"-O0 --coverage {CALLS_AS_WRITTEN} {SAME_CALLS}", notes), inside / "gcov")
        lines = ["./apus doctor > /out/doctor 2>&1", "./apus sites site/lua --format json > /out/sites || exit"]
        for script, *arguments in SCRIPTS:
            words = " ".join([script, *arguments])
            lines += [f"mkdir -p /out/{script}/gcov; ./site/lua {words} > /out/{script}/untraced || exit",
                      f"GCOV_PREFIX=/out/{script}/gcov GCOV_PREFIX_STRIP=99 ./gcov/lua {words} > /out/{script}/covered || exit"]
            for level, options in LEVELS.items():
                out = f"/out/{script}/{level}"
                lines += [f"./apus record -o /tmp/trace {' '.join(options)} -- ./site/lua {words} > {out}.out 2> {out}.err; echo $? > {out}.status",
                          f"./apus info /tmp/trace --format json > {out}.info; ./apus report /tmp/trace --format json > {out}.report"]
            lines += ["./apus replay /tmp/trace --format json | awk -F '\"' '{ n[$8]++ } END { for (f in n) print n[f], f }' "
                      f"> /out/{script}/replayed"]
        job.put("script", ("\n".join(lines) + "\n").encode())
        ended = job.run("sh", "script", options=["--smp", "2", "--memory", "2048", "--timeout", "400"])
        check(ended.status == 0, "the runs", ended)
        listed = json.loads((ended.files / "sites").read_text())["functions"]
        usable = [row for row in listed if row["site"] and "graph" in row["modes"]]
        compiled = {name for (_, name) in known.values()}
        check("ok    ptrace" in (ended.files / "doctor").read_text(), "doctor", ended)
        for script, *_ in SCRIPTS:
            files = ended.files / script
            untraced = (files / "untraced").read_bytes()
            check(untraced and (files / "covered").read_bytes() == untraced, f"{script}: the other build says the same", ended)
            wanted = collections.Counter({key: calls for key, calls in coverage(notes, files / "gcov").items() if calls})
            check(len(wanted) > 100 and set(name for _, name in wanted) <= compiled, f"{script}: gcov counted {len(wanted)} functions")
            for level in LEVELS:
                got = record(ended, files, level, known, len(usable))
                equal((files / f"{level}.out").read_bytes(), untraced, f"{script}, {level}: output")
                compare(f"{script}, {level}", got, wanted)
            named = collections.Counter()
            for (_, name), calls in wanted.items():
                named[name] += calls
            lines = [line.split() for line in (files / "replayed").read_text().splitlines()]
            equal({name: int(calls) for calls, name in lines}, dict(named), f"{script}: the calls in replay")


TESTS = [test_lua_counts]
