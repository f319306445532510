#!/usr/bin/env python3
"""Whether the pairs would find mistakes: the oracle with one rule taken away or made wrong must contradict some pair's directives.

  pairs_mutants.py [--cache DIR]          needs no apus; compiles what is not compiled yet

One line for each mistake with the first pair that finds it; status 1 if one is found by none.
"""

import argparse
import os
import sys
import types

sys.dont_write_bytecode = True
import pairs  # noqa: E402
import pairs_elf as elf  # noqa: E402

WAYS = {"gcc-O2-pic", "gcc-O0-pic", "clang-O2-pic", "gcc-O2-nopie", "arm64-gcc-O2-pic", "arm64-clang-O2-pic"}

# (what is wrong, text of pairs_oracle.py, what stands there instead)
MUTANTS = [
    ("bytes are not compared", "body = (entity.bytes(), ", "body = (b'', "),
    ("relocations are not compared", "tuple((r.offset - entity.start, self.meaning(r, entity, seen, deep)) for r in entity.relocations())", "()"),
    ("unwind rows are not compared", "unwinding.append((rows, who, what))", "unwinding.append((who, what))"),
    ("exception tables are not compared", "what = self.content(table[0], *self.chunk(*table), padded=True) if table else None", "what = None"),
    ("what exception tables refer to is not compared", "what = self.content(table[0], *self.chunk(*table), padded=True) if table else None",
     "what = self.content(table[0], *self.chunk(*table))[0] if table else None"),
    ("anonymous constants by their place", "bias, self.content(section, start, end, seen, deep, padded=True)", "bias, section.name, offset"),
    ("anonymous constants not at all", "bias, self.content(section, start, end, seen, deep, padded=True)", "bias"),
    ("constants by name", "addend, self.content(section, found.start, found.end, seen, deep)", "addend, found.name"),
    ("constants by name without digits", "addend, self.content(section, found.start, found.end, seen, deep)", "addend, found.key"),
    ("what constants refer to is not compared", 'return data, tuple(inside)', 'return data'),
    ("offsets are not compared", 'return kind, "identity", found.identity, addend', 'return kind, "identity", found.identity'),
    ("distances in tables are taken for distances from the field", "offset -= relocation.offset - table", "pass"),
    ("strings to the end of their section", "if section.flags & elf.STRINGS and section.entry_size:", "if False:"),
    ("static locals by their digits", "if len(old) > 1 or len(new) > 1:\n                take(", "if True:\n                take(lambda a, b: a.name == b.name)\n                take("),
    ("static locals in their order", "if len(old) > 1 or len(new) > 1:\n                take(", "if True:\n                take(lambda a, b: 1)\n                take("),
    ("copies and lambdas by their digits", "take(lambda a, b: (shapes[id(a)] == shapes[id(b)]) * (1 + (a.name == b.name)))", "take(lambda a, b: a.name == b.name)"),
    ("copies and lambdas in their order", "take(lambda a, b: (shapes[id(a)] == shapes[id(b)]) * (1 + (a.name == b.name)))", "take(lambda a, b: 1)"),
    ("every new function of a name is a piece", "apart = not elf.piece(some.name) and not any(", "apart = False and not any("),
    ("values of variables are not compared", 'elif self.differs(old, new):\n                self.refuse("tls-value"', 'elif False:\n                self.refuse("tls-value"'),
    ("sizes of variables are not compared", "elif old.end - old.start != new.end - new.start:", "elif False:"),
    ("common variables are not compared", "if sizes[0][name] != sizes[1][name]:", "if False:"),
    ("alignment is not compared", "elif old.section.alignment < new.section.alignment:", "elif False:"),
    ("alignment must not shrink", "elif old.section.alignment < new.section.alignment:", "elif old.section.alignment != new.section.alignment:"),
    ("constants that become variables are let through", "old.section.kind_name != new.section.kind_name:", "False:"),
    ("new thread-local variables are let through", 'if tls:\n                    self.refuse("tls-new", name)', 'if False:\n                    pass'),
    ("removed variables are let through", "if not old.section.constant and old.users & left:", "if False:"),
    ("every removed variable is refused", "if not old.section.constant and old.users & left:", "if True:"),
    ("resolvers are let through", "elif any(s.type == elf.IFUNC for s in old.symbols + new.symbols):", "elif False:"),
    ("assembly is let through", 'if new.section.name == ".text" or old.section.name == ".text":', "if False:"),
    ("new constructors are let through", "if old is None or new is None:", "if False:"),
    ("changed constructors are let through", 'elif "init" in key[0] or "ctors" in key[0]:', "elif False:"),
    ("changed destructors are refused", 'elif "init" in key[0] or "ctors" in key[0]:', "else:"),
    ("coroutines are let through", "touched = [n for n in self.changed if", "touched = [n for n in () if"),
    ("all names of one address go together", "if len(places) > 1:", "if False:"),
    ("objects of link-time optimisation are let through", 'if any(s.name.startswith((".gnu.lto_", ".llvm.lto"))', 'if any(s.name.startswith((".gnu.no_", ".llvm.no"))'),
    ("side tables are let through", "if tables[0].get(name) != tables[1].get(name):", "if False:"),
    ("lists of patchable entries are a change", "|note)|__patchable_function", "|note)|__none"),
    ("notes in sections that are not loaded are a change", "if section.flags & elf.ALLOC and not section.code and not own", "if not section.code and not own"),
    ("a name that moves between constants, code and data is let through", "types = [{s.type", "continue\n            types = [{s.type"),
]


def mutant(source, old, new, path):
    if not source.count(old):
        raise SystemExit(f"{path} does not hold: {old}")
    module = types.ModuleType("mutant")
    module.__file__ = path
    exec(compile(source.replace(old, new), path, "exec"), module.__dict__)
    return module


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", default=pairs.DEFAULT_CACHE, help="where objects are kept")
    options = parser.parse_args()
    path = os.path.join(pairs.HERE, "pairs_oracle.py")
    with open(path) as file:
        source = file.read()
    work = []
    for pair in pairs.load("*"):
        for combination in pair.combinations(False):
            if combination.name in WAYS:
                work.append((pair, combination, *pairs.compile_pair(pair, combination, options.cache)))
    escaped = 0
    for what, old, new in MUTANTS:
        module = mutant(source, old, new, path)
        finder = None
        for pair, combination, before, after in work:
            try:
                lines = pairs.check(pair, combination, module.Comparison(before, after).json(), before, after)
            except (elf.NotELF, KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
                lines = [f"{type(error).__name__}: {error}"]
            if lines:
                finder = f"{pair.name} {combination.name}"
                break
        escaped += finder is None
        print(f"{'found' if finder else 'ESCAPED':8} {what}" + (f": {finder}" if finder else ""), flush=True)
    print(f"{len(MUTANTS) - escaped} found, {escaped} escaped")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
