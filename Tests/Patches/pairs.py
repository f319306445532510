#!/usr/bin/env python3
"""Compiles each pair of Pairs/ before and after its change, in many ways, and checks what `apus patch compare` says of the two.

  pairs.py APUS [--only GLOB] [--jobs N] [--quick] [--cache DIR]
  pairs.py --oracle ...                   checks the directives against pairs_oracle.py instead of apus

A pair is one source, NAME.c or NAME.cpp, compiled with -DPATCH=0 and -DPATCH=1 by gcc and clang at -O0 to -O3 with -fPIE, -fPIC and
-fno-pie, and for arm64 and ppc64le with -fPIC, always with -ffunction-sections -fdata-sections.
Directives are comment lines at its top:
  // rule: SENTENCE         what the case is about
  // flags: FLAGS           added to every command
  // compilers: gcc clang   // levels: O0 O1 O2 O3   // models: pie pic nopie   // arches: x86_64 arm64 ppc64le     fewer than all
  // changed: NAMES         the functions that a patch must replace, exactly
  // added: NAMES           functions and variables that are new; read-only local ones, strings, vtables and the like are not listed
  // removed: NAMES         the same, gone
  // refused: RULE SYMBOL, ...      both may be several with `|` between, SYMBOL may be `*`
  // oracle: WHY            the oracle takes the same for another thing, and is not asked
Each of the four before is empty unless stated; `any` is not checked. KEY[gcc,O2,O3]: is for those alone: of each kind of word (compiler,
level, model, architecture) one must fit; the directive with most kinds is taken, of equals the last.
Names are mangled, or demangled in full with white space taken out, as in `A::get(int)const`; a lambda is `{lambda}`, whatever its number, and a
piece (.cold, .part, .isra, .constprop) is its function. A static local is `f()::n` in C++ and `n` in C.
What is refused is neither changed, added nor removed. Names of one address count as the first of them.
Each object is compared with itself too: nothing changed. One line for each failure, then "N passed, N failed"; status 1 if any failed.
"""

import argparse
import fnmatch
import functools
import glob
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
import pairs_elf as elf  # noqa: E402
import pairs_oracle as oracle  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT_CACHE = os.path.join(os.path.dirname(os.path.dirname(HERE)), ".build", "pairs")
LEVELS = ["O0", "O1", "O2", "O3"]
MODELS = {"pie": "-fPIE", "pic": "-fPIC", "nopie": "-fno-pie"}
CROSS = {"arm64": "aarch64-linux-gnu-", "ppc64le": "powerpc64le-linux-gnu-"}
# Without these, clang lays constants or variables together that its code reaches by distances in instructions, where no relocation
# tells which is meant, and (arm64) moves equal pieces of functions into new ones. Builds of patches need them too.
APART = {"arm64": ["-mno-global-merge", "-mno-outline"], "ppc64le": ["-mllvm", "-ppc-global-merge=false"]}
KINDS = [{"gcc", "clang"}, set(LEVELS), set(MODELS), {"x86_64", *CROSS}]
SETS = ("changed", "added", "removed", "refused")
SINGLE = {"rule", "flags", "compilers", "levels", "models", "arches", "oracle"}


class Failure(Exception):
    """A check that did not hold, with all there is to say about it."""


class Combination:
    """One way to compile."""

    def __init__(self, arch, compiler, level, model):
        self.arch, self.compiler, self.level, self.model = arch, compiler, level, model
        self.words = {arch, compiler, level, model}
        self.name = "-".join([compiler if arch == "x86_64" else f"{arch}-{compiler}", level, model])

    def command(self, pair, patch, output):
        plus = pair.source.endswith(".cpp")
        name = {"gcc": "g++" if plus else "gcc", "clang": "clang++" if plus else "clang"}[self.compiler]
        cross = CROSS.get(self.arch, "")
        called = [cross + name]
        if cross and self.compiler == "clang":
            called = [name, "--target=" + cross.rstrip("-"), *APART[self.arch]]
        return [*called, "-" + self.level, MODELS[self.model], "-ffunction-sections", "-fdata-sections", "-w",
                *shlex.split(pair.value("flags", self)), f"-DPATCH={patch}", "-c", os.path.basename(pair.source), "-o", output]


class Pair:
    """One source with its directives."""

    def __init__(self, source):
        self.source = source
        self.name = os.path.basename(source)
        self.directives = []
        with open(source) as file:
            for number, line in enumerate(file, 1):
                if not line.startswith("//"):
                    break
                match = re.match(r"// ([a-z]+)(?:\[([^\]]*)\])?:(.*)", line)
                if match:
                    key, words, value = match.groups()
                    kinds = [kind & set(words.split(",")) if words else set() for kind in KINDS]
                    if key not in SINGLE | set(SETS) or words and sum(map(len, kinds)) != len(words.split(",")):
                        raise SystemExit(f"{source}:{number}: no such directive")
                    self.directives.append((key, kinds, value.strip()))
        if not any(key == "rule" for key, _, _ in self.directives):
            raise SystemExit(f"{source}: no rule")

    def value(self, key, combination, default=""):
        best, value = -1, default
        for name, kinds, text in self.directives:
            wanted = [kind for kind in kinds if kind]
            if name == key and len(wanted) >= best and all(kind & combination.words for kind in wanted):
                best, value = len(wanted), text
        return value

    def general(self, key, default):
        return next((text.split() for name, _, text in self.directives if name == key), default)

    def combinations(self, quick):
        result = [Combination("x86_64", compiler, level, model) for compiler in ("gcc", "clang") for level in LEVELS for model in MODELS]
        result += [Combination(arch, compiler, level, "pic") for arch in CROSS for compiler in ("gcc", "clang") for level in LEVELS]
        allowed = [set(self.general(key, kind)) for key, kind in zip(("compilers", "levels", "models", "arches"), KINDS)]
        result = [c for c in result if all(c.words & words for words in allowed)]
        if quick:
            return [c for c in result if c.level == "O2" and c.model == "pic" and c.arch == "x86_64"][:1] or result[:1]
        return result


def load(pattern):
    """All pairs whose name, with or without its extension, matches the glob."""
    sources = sorted(glob.glob(os.path.join(HERE, "Pairs", "*.c")) + glob.glob(os.path.join(HERE, "Pairs", "*.cpp")))
    return [Pair(s) for s in sources if fnmatch.fnmatchcase(os.path.basename(s), pattern)
            or fnmatch.fnmatchcase(os.path.splitext(os.path.basename(s))[0], pattern)]


def compile_pair(pair, combination, cache):
    """The two objects, compiled anew if the source or the command changed."""
    directory = os.path.join(cache, pair.name, combination.name)
    os.makedirs(directory, exist_ok=True)
    outputs = [os.path.join(directory, name) for name in ("before.o", "after.o")]
    commands = [combination.command(pair, patch, output) for patch, output in enumerate(outputs)]
    digest = hashlib.sha256(repr(commands).encode())
    for path in [pair.source, *sorted(glob.glob(os.path.join(HERE, "Pairs", "*.h")))]:
        with open(path, "rb") as file:
            digest.update(file.read())
    stamp = os.path.join(directory, "digest")
    if os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == digest.hexdigest() and all(map(os.path.exists, outputs)):
                return outputs
    for command in commands:
        answer = subprocess.run(command, cwd=os.path.dirname(pair.source), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        if answer.returncode:
            raise Failure(f"{shlex.join(command)}\n{answer.stdout}")
    with open(stamp, "w") as file:
        file.write(digest.hexdigest())
    return outputs


def compare_by_oracle(before, after):
    """The oracle's sets; it must say the same backwards."""
    result, backwards = oracle.Comparison(before, after), oracle.Comparison(after, before)
    if not result.refused and not backwards.refused:
        if (set(result.changed), result.added, result.removed) != (set(backwards.changed), backwards.removed, backwards.added):
            raise Failure(f"backwards the oracle says {json.dumps(backwards.json())}")
    return result.json()


def compare_by_apus(apus, before, after):
    command = [apus, "patch", "compare", before, after, "--format", "json"]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    try:
        result = json.loads(answer.stdout)
        return {"changed": [{"name": str(c["name"])} for c in result["changed"]], "added": [str(n) for n in result["added"]],
                "removed": [str(n) for n in result["removed"]],
                "refused": [{"rule": str(r["rule"]), "symbol": str(r["symbol"]), "why": str(r["why"])} for r in result["refused"]]}
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{shlex.join(command)}: status {answer.returncode}, {type(error).__name__}: {error}\n"
                      f"{answer.stderr.strip() or answer.stdout[:500]}") from None


class Names:
    """The names of two objects, as directives call them."""

    def __init__(self, before, after):
        self.first, self.kinds, self.counts = {}, ({}, {}), ({}, {})
        places_of_all = []
        for index, path in enumerate((before, after)):
            try:
                sections = elf.Object(path).sections
            except elf.NotELF:
                continue
            for section in sections:
                places, whole = {}, False
                for symbol in section.symbols:
                    self.kinds[index].setdefault(symbol.name, symbol)
                    if section.code:
                        places.setdefault(symbol.value, set()).add(elf.function_name(symbol.name))
                        whole = whole or not elf.piece(symbol.name)
                for names in places.values() if whole else ():
                    for name in names:
                        self.counts[index][name] = self.counts[index].get(name, 0) + 1
                places_of_all.append((index, places))
        # Names of one address are one function, unless the change parts them.
        after = {name: names for index, places in places_of_all if index == 1 for names in map(frozenset, places.values()) for name in names}
        for index, places in places_of_all:
            for names in places.values() if index == 0 else ():
                for name in names:
                    together = {n for n in names if n not in after or name not in after or after[n] == after[name]}
                    self.first[name] = min(together)

    def function(self, name):
        name = elf.function_name(name)
        return self.first.get(name, name)

    def of(self, symbol, index):
        """(name, whether it is of a kind that the directives list)"""
        found = self.kinds[index].get(symbol)
        if oracle.INCIDENTAL.match(symbol):
            return symbol, False
        if found is None:
            return self.function(symbol), True
        if found.section.code:
            return self.function(symbol), True
        return elf.variable_name(symbol), found.binding != elf.LOCAL or not found.section.constant

    def same(self, symbol, name):
        """A function of this name is there before and after, and there are not more or fewer of them, pieces apart."""
        counts = [count.get(name, 0) for count in self.counts]
        known = all(any(s.section.code and self.function(s.name) == name for s in kinds.values()) for kinds in self.kinds)
        return known and (elf.piece(symbol) != "" or not all(counts) or counts[0] == counts[1])


def check(pair, combination, result, before, after):
    """The lines that say what is not as stated."""
    names = Names(before, after)
    lines = []
    refused = [(r["rule"], {r["symbol"], names.function(r["symbol"]), elf.variable_name(r["symbol"])}) for r in result["refused"]]
    for rule, symbols in refused:
        if rule == "coroutine":  # its pieces have other arguments than itself
            symbols |= {re.sub(r"\(.*", "", symbol) for symbol in symbols}
    wanted_text = pair.value("refused", combination)
    wanted = []
    for part in filter(None, map(str.strip, wanted_text.split(",") if wanted_text != "any" else [])):
        rule, _, symbol = part.partition(" ")
        alternatives = symbol.split("|")
        wanted.append((rule, set(alternatives) | {names.function(a) for a in alternatives}))

    def fits(want, got):
        return got[0] in want[0].split("|") and ("*" in want[1] or want[1] & got[1])

    if wanted_text != "any":
        for want in wanted:
            if not any(fits(want, got) for got in refused):
                lines.append(f"  not refused: {want[0]} {'|'.join(sorted(want[1]))}")
        for got, whole in zip(refused, result["refused"]):
            if not any(fits(want, got) for want in wanted):
                lines.append(f"  refused: {got[0]} {whole['symbol']} ({whole['why']})")
    left_out = set().union(*[w[1] for w in wanted], *[g[1] for g in refused]) if wanted or refused else set()
    frames = {symbol for rule, symbols in refused if rule == "coroutine" for symbol in symbols}
    initialisers = any(rule == "constructor" for rule, _ in wanted)

    seen = {"changed": set(), "added": set(), "removed": set()}
    for entry in result["changed"]:
        if not (initialisers and oracle.INITIALISER.match(entry["name"])):
            seen["changed"].add(names.function(entry["name"]))
    for key, index in (("added", 1), ("removed", 0)):
        for symbol in result[key]:
            name, listed = names.of(symbol, index)
            if not listed or initialisers and oracle.INITIALISER.match(symbol):
                continue
            # A piece or a clone that comes or goes changes its function.
            if names.same(symbol, name):
                seen["changed"].add(name)
            else:
                seen[key].add(name)
    for key, got in seen.items():
        text = pair.value(key, combination)
        if text == "any":
            continue
        want = {names.function(n) if n.startswith("_Z") else names.first.get(n, n) for n in text.split()}
        for name in sorted(want - got - left_out):
            lines.append(f"  not {key}: {name}")
        got = {name for name in got if re.sub(r"\(.*", "", name) not in frames}
        for name in sorted(got - want - left_out):
            lines.append(f"  {key}: {name}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus", nargs="?", help="the apus executable")
    parser.add_argument("--oracle", action="store_true", help="check the directives against the oracle, without apus")
    parser.add_argument("--only", default="*", metavar="GLOB", help="names of pairs, with or without .c or .cpp")
    parser.add_argument("--ways", default="*", metavar="GLOB", help="ways to compile, such as 'clang-O2-*'")
    parser.add_argument("--jobs", type=int, default=2, help="pairs at a time (default 2)")
    parser.add_argument("--quick", action="store_true", help="each pair compiled in one way only")
    parser.add_argument("--cache", default=DEFAULT_CACHE, help="where objects are kept")
    options = parser.parse_args()
    if bool(options.apus) == options.oracle:
        parser.error("either APUS or --oracle")
    apus = options.apus and os.path.abspath(options.apus)
    chosen = [pair for pair in load(options.only) if not (options.oracle and any(key == "oracle" for key, _, _ in pair.directives))]
    work = [(p, c) for p in chosen for c in p.combinations(options.quick) if fnmatch.fnmatchcase(c.name, options.ways)]
    if not work:
        parser.error(f"no pair matches {options.only}")

    def one(item):
        pair, combination = item
        try:
            before, after = compile_pair(pair, combination, options.cache)
            compare = compare_by_oracle if options.oracle else functools.partial(compare_by_apus, apus)
            alone = compare(before, before)
            # Of what is refused whatever it holds, such as an object of link-time optimisation, that need not be said of nothing changed.
            if any(alone[key] for key in ("changed", "added", "removed")):
                return [f"  compared with itself: {json.dumps(alone)}"]
            return check(pair, combination, compare(before, after), before, after)
        except (Failure, OSError, subprocess.TimeoutExpired) as error:
            return ["  " + line for line in str(error).splitlines()]

    failed = 0
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        for (pair, combination), lines in zip(work, pool.map(one, work)):
            if lines:
                failed += 1
                print("\n".join([f"FAIL {pair.name} {combination.name}", *lines]), flush=True)
    print(f"{len(work) - failed} passed, {failed} failed ({len(chosen)} pairs)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
