#!/usr/bin/env python3
"""Which functions differ between object files built before and after a change, by their disassembly; JSON. Without apus.

  oracle.py BEFORE AFTER [--text]    two object files, or two directories whose *.o are compared by their paths in them

Both are to be built with -ffunction-sections -fdata-sections, and with -D__LINE__=0, so that a shifted line is no change.
x86_64, aarch64 and powerpc64le. A function is its instructions' bytes, and what each of its relocations means: other
functions and writable data by name (without the compiler's digits) and distance, string literals and constants by content,
jump tables by where they lead in the function. A function also counts as changed when a piece of it did (.cold, .part,
.isra, .constprop).

  {"objects": [{"file", "changed": [{"name", "source", "reasons": […]}], "added": […], "removed": […],
                "data": {"changed": […], "added": […], "removed": […]}, "layouts": […]}],
   "changed": […], "added": […], "removed": […]}     names over all objects; "changed" has those of whole functions

"layouts" are the structures that have another size or members at other places, where the objects have debug information.
"""

import argparse
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import layouts  # noqa: E402
from objects import SHF_MERGE, SHF_STRINGS, STT_SECTION, Object  # noqa: E402

DISASSEMBLERS = {
    "x86_64": ("objdump", "x86_64-linux-gnu-objdump", "llvm-objdump"),
    "aarch64": ("aarch64-linux-gnu-objdump", "llvm-objdump", "objdump"),
    "powerpc64le": ("powerpc64le-linux-gnu-objdump", "llvm-objdump", "objdump"),
}
PIECE = re.compile(r"\.(cold|part|isra|constprop)(\.|$)")
# Relocations of x86_64 that count from themselves: PC32, GOTPCREL, PLT32, TLSGD, TLSLD, GOTTPOFF, PC64, the GOTPCRELXs.
RELATIVE = {"x86_64": {2, 4, 9, 19, 20, 22, 24, 41, 42}, "aarch64": {261}, "powerpc64le": {26}}


def plain(name):
    """A symbol's name without the digits by which a compiler tells its own apart: `counter.12`, `f.isra.0`, `.LC7`."""
    if re.fullmatch(r"\.L[A-Z]*\d+", name):
        return ".L"
    return re.sub(r"\.\d+(?=\.|$)", "", name.replace(".lto_priv", ""))


def whole(name):
    """The function that a piece was cut from, or the function itself."""
    found = PIECE.search(name)
    return name[: found.start()] if found and found.start() else name


def disassemble(path, machine):
    """{section: [(address, text)]}, the relocations in the text."""
    errors = []
    for tool in DISASSEMBLERS[machine]:
        try:
            run = subprocess.run([tool, "-drwz", "--no-show-raw-insn", path], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            continue
        if run.returncode == 0 and "can't disassemble" not in run.stderr:
            return parse_disassembly(run.stdout)
        errors.append(f"{tool}: {run.stderr.strip()}")
    raise RuntimeError(f"{path}: no disassembler for {machine}: {'; '.join(errors) or 'none installed'}")


def parse_disassembly(listing):
    sections, lines = {}, []
    for line in listing.splitlines():
        if line.startswith("Disassembly of section "):
            lines = sections.setdefault(line[len("Disassembly of section ") :].rstrip(":"), [])
            continue
        found = re.match(r"\s*([0-9a-f]+):\s+(\S.*)", line)
        if found and not line.startswith("\t"):
            lines.append((int(found[1], 16), " ".join(found[2].split())))
    return sections


class Reader:
    """What the functions of one object file are made of, in terms that do not depend on where things lie in the file."""

    def __init__(self, path):
        self.object = Object(path)
        self.machine = self.object.machine
        self.listing = None

    def lines(self, symbol):
        """The instructions of a function: [(address in its section, text)]."""
        if self.listing is None:
            self.listing = disassemble(self.object.path, self.machine)
        lines = self.listing.get(self.object.sections[symbol.section].name, [])
        return [(a, t) for a, t in lines if symbol.value <= a < symbol.value + symbol.size]

    def source(self):
        """The source file's name, as the compiler noted it."""
        return next((s.name for s in self.object.symbols if s.kind == 4 and s.name), "")

    def functions(self):
        """{plain name: [symbol]}; several where the compiler made several of one. Other names of one place count once."""
        places = {}
        for symbol in self.object.functions():
            place = (symbol.section, symbol.value)
            best = places.get(place)
            # The strongest name, then the first in order.
            if best is None or (symbol.binding != 1, symbol.name) < (best.binding != 1, best.name):
                places[place] = symbol
        named = {}
        for symbol in places.values():
            named.setdefault(plain(symbol.name), []).append(symbol)
        return named

    def describe(self, symbol):
        """(bytes, references): all that a function's text says."""
        section = self.object.sections[symbol.section]
        end = symbol.value + symbol.size
        references = []
        ends = self.instruction_ends(symbol) if section.relocations_in(symbol.value, end) else {}
        for relocation in section.relocations_in(symbol.value, end):
            bias = 0
            if relocation.type in RELATIVE[self.machine] and self.machine == "x86_64":
                bias = ends.get(relocation.offset, relocation.offset + 4) - relocation.offset
            target = self.reference(relocation.symbol, relocation.addend + bias, ())
            references.append((relocation.offset - symbol.value, relocation.type, target))
        return section.data[symbol.value : end], symbol.other & 0xE0, tuple(references)

    def instruction_ends(self, symbol):
        """{offset: end of the instruction that it is in}; needed where displacements count from there."""
        if self.machine != "x86_64":
            return {}
        starts = [a for a, _ in self.lines(symbol)] + [symbol.value + symbol.size]
        return {offset: end for start, end in zip(starts, starts[1:]) for offset in range(start, end)}

    def reference(self, symbol, offset, within):
        """What `symbol + offset` is."""
        sections = self.object.sections
        if not 0 < symbol.section < len(sections):
            return ("symbol", symbol.name, offset)
        section = sections[symbol.section]
        place = symbol.value + offset
        if section.constant and section.flags & SHF_STRINGS:
            return ("string", self.string(section, place))
        if section.constant and section.flags & SHF_MERGE and section.entry_size:
            start = place - place % section.entry_size
            return ("value", section.data[start : start + section.entry_size], place - start)
        # A name that is not the section's own says what is meant, even by an address before or after it.
        named = symbol if symbol.kind != STT_SECTION else self.covering(section, place)
        if not section.constant:
            if named is None:
                return ("symbol", plain(section.name), place)
            return ("symbol", plain(named.name), place - named.value)
        if named is not None and named.size:
            start, end = named.value, named.value + named.size
        else:
            start, end = self.block(section, place)
        name = plain(named.name) if named is not None and named.name != section.name else ""
        return ("constant", name, place - start, self.content(section, start, end, within))

    def covering(self, section, place):
        """The symbol whose bytes hold this place, or that begins there."""
        for symbol in section.symbols:
            if symbol.value == place or symbol.value <= place < symbol.value + symbol.size:
                if not symbol.name.startswith(("$", ".L")):
                    return symbol
        return None

    def block(self, section, place):
        """From this place to the next that something refers to: a jump table, a constant without a name."""
        labels = self.object.labels.get(section.index, [])
        return place, next((label for label in labels if label > place), section.size)

    def string(self, section, place):
        width = max(section.entry_size, 1)
        end = place
        while end < len(section.data) and section.data[end : end + width] != bytes(width):
            end += width
        return section.data[place:end]

    def content(self, section, start, end, within):
        """The bytes of a constant, and what its relocations mean; a constant inside itself is only named."""
        key = (section.index, start)
        if key in within:
            return "itself"
        references = []
        for relocation in section.relocations_in(start, end):
            offset = relocation.addend
            if relocation.type in RELATIVE[self.machine]:  # a distance from the table, not from its entry
                offset -= relocation.offset - start
            target = self.reference(relocation.symbol, offset, within + (key,))
            references.append((relocation.offset - start, relocation.type, target))
        return section.data[start:end], tuple(references)

    def data(self):
        """{plain name: [initial content]} of named data."""
        named = {}
        for symbol in self.object.objects():
            if symbol.name.startswith(".L"):  # literals; functions that refer to them are compared by their content
                continue
            section = self.object.sections[symbol.section]
            end = symbol.value + symbol.size
            content = self.content(section, symbol.value, end, ()) if section.data else ("zero", symbol.size)
            named.setdefault(plain(symbol.name), []).append((section.name.split(".")[1], content))
        return {name: sorted(values, key=repr) for name, values in named.items()}


def shown(target):
    kind = target[0]
    if kind == "string":
        return json.dumps(target[1].decode(errors="backslashreplace"))
    if kind == "value":
        return f"the constant {target[1].hex()}"
    if kind == "constant":
        return f"the constant {target[1] or 'or table at this place'}" + (f"+{target[2]:#x}" if target[2] else "")
    return target[1] + (f"+{target[2]:#x}" if target[2] else "")


def instruction(text):
    """An instruction without what only the place in the file decides."""
    return re.sub(r"\s*(# [0-9a-f].*|//.*|<[^>]*>|[0-9a-f]+: R_.*)", "", text)


def first_difference(before, old, after, new):
    """One line: how a function that differs begins to differ."""
    (old_bytes, _, old_references), (new_bytes, _, new_references) = before.describe(old), after.describe(new)
    if old_bytes != new_bytes:
        pairs = zip(before.lines(old), after.lines(new))
        for (a, one), (b, two) in pairs:
            if instruction(one) != instruction(two):
                return f"at {a - old.value:#x}: {instruction(one)} -> {instruction(two)}"
        if old.size != new.size:
            return f"{old.size} -> {new.size} bytes"
        return "bytes differ"
    for one, two in zip(old_references, new_references):
        if one != two:
            if shown(one[2]) == shown(two[2]):
                return f"at {one[0]:#x}: the content of {shown(one[2])}"
            return f"at {one[0]:#x}: {shown(one[2])} -> {shown(two[2])}"
    return "its entry differs"


def changed_functions(before, after):
    """{plain name: [reason]} of functions that are in both objects."""
    old, new = before.functions(), after.functions()
    reasons = {}
    for name in sorted(set(old) & set(new)):
        olds = sorted(((before.describe(s), s.name, s) for s in old[name]), key=lambda d: repr(d[:2]))
        news = sorted(((after.describe(s), s.name, s) for s in new[name]), key=lambda d: repr(d[:2]))
        if [d[0] for d in olds] == [d[0] for d in news]:
            continue
        one, two = next((pair for pair in zip(olds, news) if pair[0][0] != pair[1][0]), (None, None))
        reason = "as many as before no longer" if one is None else first_difference(before, one[2], after, two[2])
        reasons[name] = [reason]
    for name in list(reasons):
        parent = whole(name)
        if parent != name and parent in new and parent in old:
            reasons.setdefault(parent, []).append(f"its piece {name} changed")
    return reasons


def compare(before_path, after_path):
    """The report on one pair of object files."""
    before, after = Reader(before_path), Reader(after_path)
    old, new = before.functions(), after.functions()
    reasons = changed_functions(before, after)
    old_data, new_data = before.data(), after.data()
    return {
        "changed": [{"name": n, "source": after.source(), "reasons": reasons[n]} for n in sorted(reasons)],
        "added": sorted(set(new) - set(old)),
        "removed": sorted(set(old) - set(new)),
        "data": {
            "changed": sorted(n for n in set(old_data) & set(new_data) if old_data[n] != new_data[n]),
            "added": sorted(set(new_data) - set(old_data)),
            "removed": sorted(set(old_data) - set(new_data)),
        },
    }


def object_files(root):
    """{path in root: path} of the object files of a directory, or of one file."""
    if not os.path.isdir(root):
        return {"": root}
    found = {}
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            if name.endswith(".o") and os.path.isfile(path):
                found[os.path.relpath(path, root)] = path
    return found


def names_in(path):
    return sorted(Reader(path).functions())


def same_bytes(one, two):
    with open(one, "rb") as first, open(two, "rb") as second:
        return first.read() == second.read()


def compare_trees(before, after):
    """The report on two directories, or two files: objects that differ, and the names over all of them."""
    old, new = object_files(before), object_files(after)
    reports = []
    for name in sorted(set(old) | set(new)):
        if name not in new:
            report = {"changed": [], "added": [], "removed": names_in(old[name]), "data": {}}
        elif name not in old:
            report = {"changed": [], "added": names_in(new[name]), "removed": [], "data": {}}
        elif same_bytes(old[name], new[name]):
            continue
        else:
            report = compare(old[name], new[name])
        if any(report[k] for k in ("changed", "added", "removed")) or any(report["data"].values()):
            both = name in old and name in new
            report["layouts"] = layouts.changed(old[name], new[name]) if both else []
            reports.append({"file": name or new[name], **report})
    total = {key: sorted({n for r in reports for n in r[key]}) for key in ("added", "removed")}
    return {"objects": reports, "changed": sorted({whole(f["name"]) for r in reports for f in r["changed"]}), **total}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--text", action="store_true", help="a line for each function instead of JSON")
    options = parser.parse_args()
    report = compare_trees(options.before, options.after)
    if not options.text:
        json.dump(report, sys.stdout, indent=1)
        print()
        return 0
    for one in report["objects"]:
        for function in one["changed"]:
            print(f"{one['file']}: {function['name']}: {'; '.join(function['reasons'])}")
        for kind in ("added", "removed"):
            for name in one[kind]:
                print(f"{one['file']}: {name}: {kind}")
        for kind, names in one["data"].items():
            for name in names:
                print(f"{one['file']}: data {name}: {kind}")
        for name in one["layouts"]:
            print(f"{one['file']}: structure {name}: another layout")
    return 0


if __name__ == "__main__":
    sys.exit(main())
