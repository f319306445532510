#!/usr/bin/env python3
"""What changed between two objects of one source file: computed apart from apus, to check the pairs' directives with.

  pairs_oracle.py BEFORE.o AFTER.o        prints the sets as JSON, as `apus patch compare --format json` does

Two functions are the same if their bytes, their relocations, their unwind rows and their exception tables are. What a relocation
refers to is compared
  - by name, for what has one in other objects too, and for writable variables and functions of this one, without the digits that
    the compiler adds: of several that share a name, those are the same that have the same content (functions) or the same users
    (static variables);
  - by content, for what is constant and local: strings, floating constants, jump tables, static const tables, __func__.
A function and its pieces (.cold, .part, .isra, .constprop) count as one, under the function's name.
"""

import json
import re
import sys

sys.dont_write_bytecode = True
import layouts  # noqa: E402
import pairs_elf as elf  # noqa: E402

# Initialisers that the compiler writes: they ran when the program started.
INITIALISER = re.compile(r"^(_GLOBAL__|_Z41__static_initialization_and_destruction_0|__cxx_global_(var_init|array_dtor)|_ZTH|__tls_init)")
# Names that come and go with what refers to them, and hold nothing of the program's.
INCIDENTAL = re.compile(r"^(DW\.ref\.|_ZT[ISVTCW]|_ZGV|__gnu_lto|__odr_)")


class Entity:
    """A function, a piece of one, or a variable: one place in one object, with all its names."""

    def __init__(self, section, start, end, symbols):
        self.section, self.start, self.end = section, start, end
        # The name seen farthest away comes first, so that aliases agree before and after.
        self.symbols = sorted(symbols, key=lambda s: (s.binding == elf.LOCAL, s.type not in (elf.FUNC, elf.OBJECT, elf.TLS), s.name))
        self.name = self.symbols[0].name
        self.exported = self.symbols[0].binding != elf.LOCAL
        self.users = set()
        self.identity = None

    @property
    def is_function(self):
        return self.section.code

    @property
    def by_content(self):
        return not self.exported and self.section.constant and not self.is_function

    @property
    def numbered(self):
        """The name holds a number that the compiler gave: it may mean something else in the other object."""
        return self.key[1] != elf.demangle([self.name])[self.name]

    @property
    def key(self):
        """What stays of the name when the compiler's digits go."""
        if self.is_function:
            return "function", elf.function_name(self.name), elf.piece(self.name)
        name = self.name if self.exported else re.sub(r"(\.\d+)+$", "", self.name)
        return "variable", elf.numberless(elf.demangle([name])[name])

    def relocations(self):
        return [r for r in self.section.relocations if self.start <= r.offset < self.end]

    def bytes(self):
        return self.section.data[self.start:self.end]


class Side:
    """One of the two objects, taken apart."""

    def __init__(self, path):
        self.object = elf.Object(path)
        self.entities, self.at, self.by_name = [], {}, {}
        for section in self.object.sections:
            if section.flags & elf.ALLOC and section.kind not in (elf.GROUP,):
                self.split(section)
        self.cuts = {}
        everything = [r for s in self.object.sections if s.flags & elf.ALLOC for r in s.relocations]
        for relocation in everything:
            owner = self.entity(relocation.section, relocation.offset)
            place = self.place(relocation, owner.start if owner else 0)
            if place and self.entity(*place) is None:
                self.cuts.setdefault(place[0].index, set()).add(place[1])
        self.tables = {}
        for section, offset, rows, table, personality in self.object.unwind():
            self.tables.setdefault((section.index, self.start_of(section, offset)), []).append((rows, table, personality))
            if table:
                self.cuts.setdefault(table[0].index, set()).add(table[1])
        for entity in self.entities:
            if entity.is_function:
                for relocation in entity.relocations():
                    self.note_user(relocation, elf.function_name(entity.name), set())

    def split(self, section):
        """The entities of a section: from each symbol to its end, or to the next if it has no size."""
        places = {}
        for symbol in section.symbols:
            places.setdefault(symbol.value, []).append(symbol)
        starts = sorted(places)
        for index, start in enumerate(starts):
            following = starts[index + 1] if index + 1 < len(starts) else section.size
            size = max(s.size for s in places[start])
            end = start + size if size else following
            if section.code and len(starts) == 1:
                start_here, end = 0, section.size
            else:
                start_here = start
            entity = Entity(section, start_here, end, places[start])
            self.entities.append(entity)
            self.at.setdefault(section.index, []).append(entity)
            for symbol in places[start]:
                self.by_name.setdefault(symbol.name, entity)

    def start_of(self, section, offset):
        entity = self.entity(section, offset)
        return entity.start if entity else offset

    def entity(self, section, offset):
        """The entity that holds a place. The only one of a section holds all of it."""
        candidates = self.at.get(section.index, [])
        if len(candidates) == 1 and (section.code or candidates[0].start == 0):
            return candidates[0]
        for candidate in candidates:
            if candidate.start <= offset < candidate.end or offset == candidate.start:
                return candidate
        return None

    def place(self, relocation, table=None):
        """(section, offset) of what is meant within this object, or None for what is elsewhere.

        Constant tables hold distances from their own beginning, at `table`, which the relocations count from their fields.
        """
        symbol = relocation.symbol
        if not isinstance(symbol.section, elf.Section):
            return None
        offset = symbol.value
        if symbol.type == elf.SECTION:
            offset += relocation.addend
            if relocation.section.code and self.object.machine == "x86_64" and relocation.type in elf.COUNTED_FROM_END:
                offset += 4
            if table is not None and (self.object.machine, relocation.type) in elf.DISTANCES and relocation.section.constant \
                    and symbol.section.constant:
                offset -= relocation.offset - table
        return symbol.section, offset

    def note_user(self, relocation, user, seen):
        place = self.place(relocation)
        if place is None:
            return
        found = self.entity(*place)
        if found is None or found in seen or found.is_function:
            return
        seen.add(found)
        found.users.add(user)
        if found.by_content:
            for inner in found.relocations():
                self.note_user(inner, user, seen)

    def chunk(self, section, offset):
        """The anonymous piece of a section that begins at an offset: to the next one that is referred to."""
        if section.flags & elf.STRINGS and section.entry_size:
            width, end = section.entry_size, offset
            while end < section.size and section.data[end:end + width].strip(b"\0"):
                end += width
            return offset, end
        if section.flags & elf.MERGE and section.entry_size:
            return offset, offset + section.entry_size
        later = [c for c in self.cuts.get(section.index, ()) if c > offset]
        later += [e.start for e in self.at.get(section.index, ()) if e.start > offset]
        return offset, min(later, default=section.size)

    # What a relocation means

    def meaning(self, relocation, within, seen=(), deep=True, table=None):
        symbol = relocation.symbol
        kind = relocation.type
        if self.object.machine == "x86_64" and kind == 4:
            kind = 2  # a call through the PLT is resolved as a direct one wherever it can be
        place = self.place(relocation, table)
        if place is None:
            return kind, "identity", symbol.name, relocation.addend
        section, offset = place
        found = self.entity(section, offset)
        if found is None:
            if section.name.startswith(".gcc_except_table"):
                return kind, "table"
            start, end = self.chunk(section, offset)
            bias = relocation.addend if symbol.type != elf.SECTION else 0
            return kind, "content", bias, self.content(section, start, end, seen, deep, padded=True)
        addend = relocation.addend + (symbol.value - found.start)
        if found is within:
            return kind, "self", addend
        if found.by_content:
            return kind, "content", addend, self.content(section, found.start, found.end, seen, deep)
        if found.exported and symbol.type != elf.SECTION and not found.numbered:
            return kind, "identity", symbol.name, addend
        if deep:
            return kind, "identity", found.identity, addend
        where = (found.section.index, found.start)
        if found.is_function and where not in seen and ("{lambda}" in found.key[1] or found.key[2]):
            return kind, "shape", found.key, addend, self.describe(found, False, (*seen, where))
        return kind, "key", found.key, addend

    def content(self, section, start, end, seen=(), deep=True, padded=False):
        where = (section.index, start)
        if where in seen:
            return "again", len(seen) - seen.index(where)
        inside = [(r.offset - start, self.meaning(r, None, (*seen, where), deep, start))
                  for r in section.relocations if start <= r.offset < end]
        data = section.data[start:end]
        if padded and not section.flags & elf.MERGE:
            data = data.rstrip(b"\0")  # up to the next one's alignment
        return data, tuple(inside)

    def describe(self, entity, deep=True, seen=()):
        """All that decides whether an entity is the same: comparable between the two sides.

        Without `deep`, what it refers to is known by name alone, numbered functions by their own shape: for pairing the two sides up.
        """
        body = (entity.bytes(), tuple((r.offset - entity.start, self.meaning(r, entity, seen, deep)) for r in entity.relocations()))
        if not entity.is_function or not deep:
            return body
        unwinding = []
        for rows, table, personality in self.tables.get((entity.section.index, entity.start), ()):
            who = self.meaning(personality, None) if personality else None
            what = self.content(table[0], *self.chunk(*table), padded=True) if table else None
            unwinding.append((rows, who, what))
        return body, tuple(unwinding), entity.symbols[0].other >> 5


def pair_up(before, after):
    """Gives the same identity to what is the same in both: [(entity before, entity after)] with None for a missing one."""
    pairs = []
    lambdas = {}
    keys = {}
    for index, side in enumerate((before, after)):
        for entity in side.entities:
            if not entity.by_content:
                keys.setdefault(entity.key, ([], []))[index].append(entity)
    # The bodies of lambdas first: which lambda is which decides for all that has a lambda in its name.
    for key, (old, new) in sorted(keys.items(), key=lambda item: "{lambda}::operator()" not in item[0][1]):
        old, new = list(old), list(new)

        def take(same):
            for a in list(old):
                best = max(((same(a, b), -i) for i, b in enumerate(new)), default=(0, 0))
                if best[0]:
                    pairs.append((a, new.pop(-best[1])))
                    old.remove(a)

        body = "{lambda}::operator()" in key[1]
        if "{lambda}" in key[1] and not body:
            take(lambda a, b: elf.renumbered(a.name, lambdas) == elf.demangle([b.name])[b.name])
        if key[0] == "function":
            if len(old) > 1 or len(new) > 1 or "{lambda}" in key[1]:
                shapes = {id(e): side.describe(e, False) for side, es in ((before, old), (after, new)) for e in es}
                take(lambda a, b: (shapes[id(a)] == shapes[id(b)]) * (1 + (a.name == b.name)))
            # A lambda with other content is another one, unless it is the only one left.
            if "{lambda}" not in key[1] or len(old) == len(new):
                take(lambda a, b: 1 + (a.name == b.name))
            if body:
                for a, b in [p for p in pairs if all(p) and p[0].key == key]:
                    names = [elf.demangle([e.name])[e.name].split("::operator()")[0] for e in (a, b)]
                    lambdas[names[0]] = names[1]
        else:
            if len(old) > 1 or len(new) > 1:
                take(lambda a, b: 2 * len(a.users & b.users) * (not a.users ^ b.users))
                take(lambda a, b: 2 * len(a.users & b.users) + (a.name == b.name) if a.users & b.users else 0)
            else:
                take(lambda a, b: 1)
        pairs += [(a, None) for a in old] + [(None, b) for b in new]
    for number, pair in enumerate(pairs):
        names = [e.name for e in pair if e is not None and e.exported and not e.numbered]
        for entity in pair:
            if entity is not None:
                entity.identity = names[0] if names else number
    return pairs


class Comparison:
    def __init__(self, before_path, after_path):
        self.changed, self.added, self.removed, self.refused = {}, set(), set(), set()
        try:
            self.before, self.after = Side(before_path), Side(after_path)
        except elf.NotELF:
            self.refuse("lto", "*")
            return
        for side in (self.before, self.after):
            if any(s.name.startswith((".gnu.lto_", ".llvm.lto")) for s in side.object.sections):
                self.refuse("lto", "*")
                return
        self.pairs = pair_up(self.before, self.after)
        self.commons()
        self.functions()
        self.variables()
        self.side_tables()
        self.kinds()
        self.initialisers()
        self.coroutines()
        self.aliases()
        self.layouts(before_path, after_path)

    def layouts(self, before_path, after_path):
        """Structures that both have, by their debugging information, laid out in another way."""
        if self.changed:
            for name in layouts.changed(before_path, after_path):
                self.refuse("layout", name)

    def refuse(self, rule, symbol):
        self.refused.add((rule, symbol))

    def differs(self, old, new):
        return self.before.describe(old) != self.after.describe(new)

    def note(self, name, entity, reason):
        entry = self.changed.setdefault(name, {"name": name, "section": entity.section.name, "reasons": []})
        if reason not in entry["reasons"]:
            entry["reasons"].append(reason)

    def functions(self):
        known = ({}, {})
        for pair in self.pairs:
            for index, entity in enumerate(pair):
                if entity is not None and entity.is_function:
                    known[index].setdefault(elf.function_name(entity.name), []).append(entity)
        for old, new in self.pairs:
            some = old or new
            lonely = {a.name for a, b in self.pairs if a and not b} if new else {b.name for a, b in self.pairs if b and not a}
            if not some.is_function or not {s.type for s in some.symbols} & {elf.FUNC, elf.IFUNC, elf.NOTYPE}:
                continue
            name = elf.function_name(some.name)
            # One of several of its name, each of which has its counterpart: not another piece of them.
            apart = not elf.piece(some.name) and not any(e.name in lonely for e in known[0 if new else 1].get(name, ()))
            if old and new:
                if self.differs(old, new):
                    if new.section.name == ".text" or old.section.name == ".text":
                        self.shared_text(old, new)
                    elif any(s.type == elf.IFUNC for s in old.symbols + new.symbols):
                        for symbol in old.symbols:
                            self.refuse("ifunc", symbol.name)
                    else:
                        self.note(name, new, "code")
            elif new:
                if name in known[0] and not apart:
                    self.note(name, new, "piece")
                else:
                    self.added.add(new.name)
            elif name in known[1] and not apart:
                self.note(name, old, "piece")
            else:
                self.removed.add(old.name)

    def shared_text(self, old, new):
        own = any(s.name.startswith(".text.") for s in self.after.object.sections)
        self.refuse("assembly" if own else "no-function-sections", old.name if own else "*")

    def variables(self):
        for old, new in self.pairs:
            some = old or new
            if some.is_function or INCIDENTAL.match(some.name) and not (old and new and some.name.startswith("_ZT")):
                continue
            tls = bool(some.section.flags & elf.TLS_FLAG)
            name = some.name
            if new and not old:
                if tls:
                    self.refuse("tls-new", name)
                else:
                    self.added.add(name)
            elif old and not new:
                left = {elf.function_name(e.name) for e in self.after.entities if e.is_function}
                if not old.section.constant and old.users & left:
                    self.refuse("data-removed", name)
                else:
                    self.removed.add(name)
            elif old.section.kind_name != new.section.kind_name:
                self.refuse("symbol-kind", name)
            elif old.end - old.start != new.end - new.start:
                self.refuse("tls-size" if tls else "data-size", name)
            elif self.differs(old, new):
                self.refuse("tls-value" if tls else "data-value", name)
            elif old.section.alignment < new.section.alignment:
                self.refuse("data-alignment", name)

    def side_tables(self):
        """Loaded sections that name places within functions and that nothing here refers to: what reads them has read them."""
        tables = []
        for side in (self.before, self.after):
            tables.append({})
            for section in side.object.sections:
                own = re.match(r"\.(eh_frame|gcc_except_table|(pre)?init_array|fini_array|ctors|dtors|toc|note)|__patchable_function", section.name)
                if section.flags & elf.ALLOC and not section.code and not own and not side.at.get(section.index) \
                        and not side.cuts.get(section.index) and section.relocations:
                    content = side.content(section, 0, section.size)
                    tables[-1].setdefault(section.name, []).append(content)
        for name in set(tables[0]) | set(tables[1]):
            if tables[0].get(name) != tables[1].get(name):
                self.refuse("side-table", name)

    def commons(self):
        """Variables that the linker places: of two sizes, the larger."""
        sizes = [{s.name: s.size for s in side.object.symbols if s.section == 0xfff2} for side in (self.before, self.after)]
        for name in set(sizes[0]) & set(sizes[1]):
            if sizes[0][name] != sizes[1][name]:
                self.refuse("data-size", name)

    def kinds(self):
        """A name that was one kind of thing and is another."""
        for name, old in self.before.by_name.items():
            new = self.after.by_name.get(name)
            if new is None or not (old.exported or new.exported or "." not in name):
                continue
            if old.section.kind_name != new.section.kind_name:
                self.refuse("symbol-kind", name)
                self.added.discard(name)
                self.removed.discard(name)
                self.refused -= {("tls-new", name), ("data-removed", name), ("data-value", name)}
                continue
            types = [{s.type for s in e.symbols if s.name == name} for e in (old, new)]
            if (elf.IFUNC in types[0]) != (elf.IFUNC in types[1]):
                self.refuse("symbol-kind", name)
                self.refused -= {("ifunc", s.name) for s in old.symbols + new.symbols}

    def initialisers(self):
        """What runs once, before main: it has run. What runs at exit is only refused if there is more or less of it."""
        lists = []
        for side in (self.before, self.after):
            lists.append({})
            for section in side.object.sections:
                match = re.match(r"\.(preinit_array|init_array|ctors|fini_array|dtors)", section.name)
                if match:
                    for relocation in section.relocations:
                        place = side.place(relocation)
                        entity = place and side.entity(*place)
                        name = entity.name if entity else relocation.symbol.name
                        key = "_GLOBAL__sub_I" if name.startswith("_GLOBAL__") else elf.function_name(name)
                        lists[-1].setdefault((match.group(1), section.name, key), []).append(entity)
        for key in set(lists[0]) | set(lists[1]):
            old, new = lists[0].get(key), lists[1].get(key)
            if old is None or new is None:
                self.refuse("constructor", key[2])
            elif "init" in key[0] or "ctors" in key[0]:
                for a, b in zip(old, new):
                    if a and b and (self.differs(a, b) if key[2] != "_GLOBAL__sub_I" else
                                    self.before.describe(a)[0] != self.after.describe(b)[0]):
                        self.refuse("constructor", key[2])
        for old, new in self.pairs:
            for entity in filter(None, (old, new)):
                if INITIALISER.match(entity.name) and entity.is_function:
                    if not (old and new) or self.differs(old, new):
                        if not entity.name.startswith("_GLOBAL__"):
                            self.refuse("constructor", entity.name)
                    for found in (self.added, self.removed):
                        found.discard(entity.name)
                    self.changed.pop(elf.function_name(entity.name), None)
        for rule, name in list(self.refused):
            if rule == "constructor":
                self.changed.pop(name, None)
                self.added.discard(name)
                self.removed.discard(name)

    def coroutines(self):
        """Functions whose frames are on the heap: gcc's .actor and .destroy, clang's .resume, .destroy and .cleanup."""
        for side in (self.before, self.after):
            for entity in side.entities:
                if entity.is_function and re.search(r"\.(actor|resume|destroy|cleanup)(\.|$)", entity.name):
                    name = elf.function_name(entity.name)
                    ramp = re.sub(r"\(.*", "", name)
                    touched = [n for n in self.changed if n == name or re.sub(r"\(.*", "", n) == ramp]
                    for each in touched:
                        del self.changed[each]
                        self.refuse("coroutine", each)

    def aliases(self):
        """Names of one address that are to have two: an entry can be redirected to one place only.

        Where the others are local, all who call them are in this object and have changed too.
        """
        names = set(self.before.by_name) & set(self.after.by_name)
        for old in self.before.entities:
            if old.is_function and sum(s.binding != elf.LOCAL for s in old.symbols) > 1:
                places = {id(self.after.by_name[s.name]) for s in old.symbols if s.name in names}
                if len(places) > 1:
                    for symbol in old.symbols:
                        self.refuse("alias", symbol.name)
                        self.added.discard(symbol.name)

    def json(self):
        return {
            "changed": [self.changed[n] for n in sorted(self.changed)],
            "added": sorted(self.added), "removed": sorted(self.removed),
            "refused": [{"rule": rule, "symbol": symbol, "why": "by the oracle"} for rule, symbol in sorted(self.refused)],
        }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(json.dumps(Comparison(sys.argv[1], sys.argv[2]).json(), indent=2))
