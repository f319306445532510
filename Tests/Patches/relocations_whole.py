"""A whole object of a compiler, linked by apus, GNU ld and lld at the same addresses: every byte of code and data.

Slots of the global offset table are elsewhere for each linker: both are followed from the fields, and what they hold is compared.
The linkers get the object with sections of other names (.s1, .s2, …) and without marks to merge, for apus keeps each section as it is.
Then, with the functions that are called far away, only calls may differ, and these go by veneers to the right place.
"""

import re
import struct

import pairs_elf as elf
import relocations_calls as calls
import relocations_linkers as linkers
from relocations_batch import BIAS, THREAD, TLS_SIZE
from relocations_linkers import LINKERS, MASK, Failure, apus_link, signed
from relocations_slots import DYNAMIC
from relocations_table import rows_of

# ppc64le: tells GNU ld that it may make other instructions of these; it does so whatever one says.
ENTRY = 118


def renamed(found, path):
    """The object for ld and lld; [its loaded sections that are compared]."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    table, = struct.unpack_from("<Q", data, 40)
    _, _, names = struct.unpack_from("<HHH", data, 58)
    strings, kept = bytearray(found.sections[names].data), []
    for section in found.sections:
        header = table + 64 * section.index
        if not section.flags & elf.ALLOC or section.name.startswith(".note") or section.size == 0:
            continue
        kept.append(section)
        flags = section.flags & (elf.WRITE | elf.ALLOC | elf.EXEC)
        struct.pack_into("<IIQ", data, header, len(strings), section.kind if section.kind == elf.NOBITS else 1, flags)
        struct.pack_into("<II", data, header + 40, 0, 0)
        struct.pack_into("<Q", data, header + 56, 0)
        strings += f".s{section.index}\0".encode()
    for section in found.sections:
        header = table + 64 * section.index
        if section.kind == elf.GROUP:
            struct.pack_into("<I", data, header + 4, 1)
        start, = struct.unpack_from("<Q", data, header + 24)
        for at in range(start, start + section.size, 24) if section.kind == 4 and found.machine == "ppc64le" else ():
            kind, symbol = struct.unpack_from("<II", data, at + 8)
            if kind == ENTRY:
                struct.pack_into("<II", data, at + 8, 0, symbol)
    data += bytes(-len(data) % 8)
    struct.pack_into("<QQ", data, table + 64 * names + 24, len(data), len(strings))
    with open(path + ".renamed.o", "wb") as file:
        file.write(data + strings)
    return path + ".renamed.o", kept


class Whole:
    """One object, at one place."""

    def __init__(self, arch, path, what, apus, random, checks):
        self.arch, self.path, self.what, self.apus, self.random, self.checks = arch, path, what, apus, random, checks
        self.object = elf.Object(path)
        numbers = linkers.type_numbers(arch)
        self.names = {}
        self.kinds = {}
        for row in rows_of(arch):
            number = row.patched if row.patched is not None else numbers[row.name]
            self.names[number], self.kinds[number] = row.name, row.kind
        self.relocations = [r for s in self.object.sections if s.flags & elf.ALLOC for r in s.relocations]
        self.used = {self.names.get(r.type, str(r.type)) for r in self.relocations}

    def prepare(self):
        """Draws a place; where the undefined symbols are."""
        layout = apus_link(self.apus, self.path, self.path + ".layout", ["thread 0"])
        if isinstance(layout, str):
            return layout
        self.layout = layout
        self.linked_path, self.sections = renamed(self.object, self.path)
        low = self.arch == "x86_64" and {"32", "32S"} & self.used
        self.base = self.random.randrange(0x400000, 0x60000000, 0x10000) if low \
            else self.random.randrange(1 << 33, 1 << 46, 0x10000)
        # ppc64le: the module's TOC, or sometimes apus' own, whose place is one that lld can have only.
        self.toc, self.own_toc = None, False
        if self.arch == "ppc64le":
            # (Code of the small model reaches 32 KiB from the pointer, so its `.toc` must be there.)
            small = {"TOC16", "TOC16_DS"} & self.used and next(s.index for s in self.object.sections if s.name == ".toc")
            self.own_toc = not small and self.random.random() < 0.3
            self.toc = self.base + (layout.sections[small] + 0x100 if small else layout.table + 0x8000)
            if not self.own_toc:
                self.toc = self.toc + 0xff & ~0xff
        by_symbol = {}
        for relocation in self.relocations:
            by_symbol.setdefault(relocation.symbol.index, []).append(relocation)
        self.near, self.called, self.variables = {}, [], {}
        for index, relocations in by_symbol.items():
            symbol = relocations[0].symbol
            if symbol.section != 0 or index == 0 or symbol.name in (".TOC.", "_GLOBAL_OFFSET_TABLE_"):
                continue
            kinds = {self.kinds[r.type] for r in relocations}
            thread = symbol.type == elf.TLS or any(
                k.split()[-1] in ("threadOffset", "blockOffset", "variable", "descriptor") for k in kinds)
            if thread:
                self.variables[symbol] = self.random.randrange(TLS_SIZE // 4) * 4
                continue
            self.near[symbol] = self.base + layout.size + self.random.randrange(0x80000) // 16 * 16
            if kinds <= {"branch", "nothing"}:
                self.called.append(symbol)
            elif kinds <= {"slot address", "slotFromTable address", "absolute", "nothing"} and not low \
                    and not any(self.names[r.type] == "ABS32" for r in relocations):
                self.near[symbol] = self.random.randrange(1 << 47) // 16 * 16
        return None

    def bindings(self, addresses, imported=()):
        lines = [f"base {self.base:#x}", f"thread {THREAD[self.arch]}", "number 1"]
        if self.toc is not None and not self.own_toc:
            lines.append(f"toc {self.toc:#x}")
        lines += [f"address {s.index} {a:#x}" for s, a in addresses.items()]
        lines += [f"variable {s.index} {o}" for s, o in self.variables.items()]
        return lines + [f"imported {s.index}" for s in imported]

    def other(self, linker):
        """The image of ld or lld, for the functions nearby."""
        shared = any(self.kinds[r.type].split()[-1] in ("variable", "block", "blockOffset") for r in self.relocations) \
            or any(self.kinds[r.type] == "slot threadOffset" for r in self.relocations)
        objects = [self.linked_path]
        if self.variables:
            text = ['.section .tdata,"awT"', ".balign 16", "block:", f".skip {TLS_SIZE}"]
            for symbol, offset in self.variables.items():
                text += [f".globl {symbol.name}", f".hidden {symbol.name}", f".type {symbol.name}, %tls_object",
                         f"{symbol.name} = block + {offset}"]
            linkers.assemble(self.arch, "\n".join(text) + "\n", self.path + ".tls.o")
            objects.append(self.path + ".tls.o")
        assigned = "".join(f'"{s.name}" = {a:#x};\n' for s, a in self.near.items())
        got = self.base + self.layout.table if self.toc is None else self.toc - 0x8000
        if self.toc is not None and linker == "ld":
            assigned += f".TOC. = {self.toc:#x};\n"
        # The sections in the order of their addresses.
        outputs = [(self.base + self.layout.sections[s.index], f".s{s.index}", "") for s in self.sections]
        outputs.append((got, ".got", "*(.got.plt) "))
        mapped = "".join(f"  {name} {place:#x} : {{ {also}*({name}) }}\n" for place, name, also in sorted(outputs))
        rest = self.base + (self.layout.size + 0x2ffff & ~0xffff)
        script = f"""{assigned}
SECTIONS {{
{mapped}
  . = {rest:#x};
  .tdata : {{ *(.tdata) }}
  .dynsym : {{ *(.dynsym) }} .dynstr : {{ *(.dynstr) }} .hash : {{ *(.hash) }} .gnu.hash : {{ *(.gnu.hash) }} .rela : {{ *(.rela*) }}
  .dynamic : {{ *(.dynamic) }}
  /DISCARD/ : {{ *(.note*) *(.comment) *(.eh_frame) }}
}}
"""
        flags = ["-shared", "-Bsymbolic"] if shared else []
        return linkers.linker_link(linker, self.arch, objects, f"{self.path}.{linker}", script, *flags)

    # Slots

    def fields(self, read):
        """{(symbol, addend, what the slot holds): its address}, from the fields; fails if these contradict one another."""
        parts = {}
        for relocation in self.relocations:
            kind = self.kinds[relocation.type]
            if not kind.startswith("slot"):
                continue
            content = kind.split()[1]
            addend = 0 if self.arch == "x86_64" else relocation.addend
            key = (0 if content == "block" else relocation.symbol.index, 0 if content == "block" else addend, content)
            place = self.base + self.layout.sections[relocation.section.index] + relocation.offset
            for part, value in self.part(relocation, place, read):
                found = parts.setdefault(key, {})
                if found.setdefault(part, value) != value:
                    raise Failure(f"{relocation.symbol.name}: two slots, {part} {found[part]:#x} and {value:#x}")
        result = {}
        for key, found in parts.items():
            if "whole" in found:
                result[key] = found["whole"]
            elif "page" in found and "low" in found:
                result[key] = found["page"] + found["low"]
            elif "low" in found:
                result[key] = self.toc + signed(found["low"] + (found.get("high", 0) << 16), 64) & MASK
            else:
                raise Failure(f"half of a slot's address: {found}")
        return result

    def part(self, relocation, place, read):
        name = self.names[relocation.type]
        if self.arch == "x86_64":
            wide = name.endswith("64")
            value = int.from_bytes(read(place, 8 if wide else 4), "little", signed=True)
            origin = self.base + self.layout.table if self.kinds[relocation.type].startswith("slotFromTable") else place
            return [("whole", value + origin - relocation.addend & MASK)]
        word, = struct.unpack("<I", read(place & ~3, 4))
        if self.arch == "arm64":
            if "PAGE21" in name or name == "ADR_GOT_PAGE":
                pages = signed((word >> 5 & 0x7ffff) << 2 | word >> 29 & 3, 21)
                return [("page", (place & ~0xfff) + (pages << 12))]
            if name == "GOT_LD_PREL19":
                return [("whole", place + 4 * signed(word >> 5 & 0x7ffff, 19))]
            if name == "LD64_GOTPAGE_LO15":
                return [("whole", (self.base + self.layout.table & ~0xfff) + 8 * (word >> 10 & 0xfff))]
            return [("low", (word >> 10 & 0xfff) * (8 if "LD64" in name else 1))]
        half = signed(word & (0xfffc if name.endswith("DS") else 0xffff), 16)
        return [("high" if name.endswith(("_HA", "_HI")) else "low", half)]

    def contents(self, content, place, word, dynamic=None):
        """What a slot holds once the dynamic linker has done its part for module 1."""
        module, offset, thread = DYNAMIC[self.arch]
        words = []
        for index in range(2 if content in ("variable", "block") else 1):
            kind, _, value, addend = (dynamic or {}).get(place + 8 * index, (None, "", 0, 0))
            if kind is None:
                words.append(word(place + 8 * index))
            elif kind == module:
                words.append(1)
            elif kind == offset:
                words.append(value + addend - BIAS[self.arch] & MASK)
            elif kind == thread:
                words.append(value + addend + THREAD[self.arch] & MASK)
            else:  # An address in a library: the base is added, which is 0.
                words.append(value + addend & MASK)
        return words

    # Comparisons

    def masked(self, section, data, also=()):
        """Without the fields of slots and of the relocations at `also`."""
        data = bytearray(data)
        for relocation in section.relocations:
            kind = self.kinds[relocation.type]
            if kind.startswith("slot") or relocation in also:
                width = 8 if self.arch == "x86_64" and self.names[relocation.type].endswith("64") else 4
                at = relocation.offset if self.arch == "x86_64" else relocation.offset & ~3
                data[at:at + width] = bytes(width)
        return bytes(data)

    def difference(self, section, ours, theirs, whose):
        at = next(i for i in range(len(ours)) if ours[i] != theirs[i])
        near = [f"{self.names[r.type]} {r.symbol.name} + {r.addend}" for r in section.relocations if r.offset <= at < r.offset + 8]
        return (f"{self.what}: {section.name} + {at:#x} {near}: {ours[at & ~3:][:8].hex()}, {whose}: {theirs[at & ~3:][:8].hex()}; "
                f"base {self.base:#x}")

    def check(self, self_check):
        problem = self.prepare()
        if not self.checks.that(problem is None, f"{self.what}: {problem}"):
            return
        linked = apus_link(self.apus, self.path, self.path + ".apus", self.bindings(self.near))
        if not self.checks.that(not isinstance(linked, str), lambda: f"{self.what}: {linked}"):
            return
        own, compared = self.fields(linked.read), 0
        for linker in ("lld",) if self.own_toc else LINKERS:
            image, said = self.other(linker)
            unknown = linker == "lld" and re.search(r"unknown relocation", said)
            if unknown or not self.checks.that(image is not None, lambda: f"{self.what}: {linker}: {said[-3000:]}"):
                continue
            for section in self.sections:
                place = self.base + self.layout.sections[section.index]
                ours = linked.read(place, section.size)
                if section.kind == elf.NOBITS:
                    self.checks.that(not any(ours), f"{self.what}: {section.name} is not zero")
                    continue
                theirs = image.read(place, section.size, f".s{section.index}")
                theirs = self.with_dynamic(section, place, theirs, image)
                mine, other = self.masked(section, ours), self.masked(section, theirs)
                self.checks.that(mine == other, lambda: self.difference(section, mine, other, linker))
                if self_check and section.size:
                    flipped = bytearray(ours)
                    flipped[section.size - 1] ^= 1
                    tail = any(self.kinds[r.type].startswith("slot") and r.offset + 8 >= section.size for r in section.relocations)
                    self.checks.that(tail or self.masked(section, flipped) != other,
                                     f"{self.what}: {section.name}: a changed bit was not seen")
            compared += 1
            found = self.fields(image.read)
            for key, place in own.items():
                mine = self.contents(key[2], place, linked.word)
                other = self.contents(key[2], found[key], lambda a: image.word(a, ".got"), image.dynamic)
                name = self.object.symbols[key[0]].name
                self.checks.that(mine == other, f"{self.what}: the slot of {name} {key} holds {mine}, {linker}: {other}")
        self.checks.that(compared, f"{self.what}: no other linker has linked it")
        self.check_report(linked, own)
        self.check_far(linked)

    def with_dynamic(self, section, place, data, image):
        """Addresses in data that a library's dynamic relocations hold, put in."""
        data = bytearray(data)
        for at, (_, _, value, addend) in image.dynamic.items():
            if place <= at < place + section.size:
                struct.pack_into("<Q", data, at - place, value + addend & MASK)
        return bytes(data)

    def check_report(self, linked, slots):
        """What is printed of symbols and words is so."""
        for symbol in self.object.symbols:
            if isinstance(symbol.section, elf.Section) and symbol.section.index in linked.sections:
                wanted = self.base + linked.sections[symbol.section.index] + symbol.value
                self.checks.that(linked.symbols.get(symbol.index) == wanted, f"{self.what}: {symbol.name} is at {wanted:#x}")
        words = {self.base + w["offset"]: w for w in linked.words}
        for key, place in slots.items():
            self.checks.that(place in words and words[place]["content"] == key[2] and words[place]["symbol"] == key[0],
                             f"{self.what}: the slot {key} at {place:#x} is not listed as a word")
        for place, word in words.items():
            symbol = self.object.symbols[word["symbol"]]
            if word["content"] == "address":
                where = linked.symbols.get(symbol.index, self.near.get(symbol, 0 if symbol.binding == elf.WEAK else None))
                if symbol.section == 0xfff1 or symbol.name == ".TOC.":
                    continue
                self.checks.that(where is not None and linked.word(place) == where + word["addend"] & MASK,
                                 f"{self.what}: the word at {place:#x} for {symbol.name}")

    def check_far(self, near):
        """The functions that are only called are far away or another module's: nothing but calls is different, and these arrive."""
        if not self.called:
            return
        far, imported = dict(self.near), []
        for symbol in self.called:
            far[symbol] = (self.base ^ 1 << 40 | self.random.getrandbits(30)) // 16 * 16
            if self.random.random() < 0.5 and self.restorable(symbol):
                imported.append(symbol)
        linked = apus_link(self.apus, self.path, self.path + ".far", self.bindings(far, imported))
        if not self.checks.that(not isinstance(linked, str), lambda: f"{self.what}, far: {linked}"):
            return
        pieces = {"x86_64": ("", 0, 4, 0, 1), "arm64": ("", 0, 0, 0, 4), "ppc64le": ("", 0, 0, 0, 4)}
        for section in self.sections:
            place = self.base + self.layout.sections[section.index]
            sites = [r for r in section.relocations if self.kinds[r.type] == "branch" and r.symbol in self.called]
            ours, before = bytearray(linked.read(place, section.size)), bytearray(near.read(place, section.size))
            for site in sites:
                try:
                    goes = calls.target(self.arch, linked, place + site.offset, pieces[self.arch])
                    jumps, keeps = calls.veneer(self.arch, linked, goes, self.toc)
                    self.checks.that((jumps, keeps) == (far[site.symbol], self.arch == "ppc64le" and site.symbol in imported),
                                     f"{self.what}: the call of {site.symbol.name} goes to {jumps:#x}, {keeps}")
                except (Failure, struct.error, IndexError) as failure:
                    self.checks.that(False, f"{self.what}: the call of {site.symbol.name} at {site.offset:#x}: {failure}")
                ours[site.offset:site.offset + 4] = before[site.offset:site.offset + 4] = bytes(4)
                if self.arch == "ppc64le" and site.symbol in imported:
                    behind, = struct.unpack_from("<I", ours, site.offset + 4)
                    self.checks.that(behind == calls.RESTORE, f"{self.what}: no restored TOC")
                    ours[site.offset + 4:site.offset + 8] = before[site.offset + 4:site.offset + 8] = bytes(4)
            self.checks.that(ours == before, lambda: "far: " + self.difference(section, bytes(ours), bytes(before), "nearby"))

    def restorable(self, symbol):
        """ppc64le: whether behind each call of it is a nop."""
        if self.arch != "ppc64le":
            return True
        return all(r.section.data[r.offset + 4:r.offset + 8] == struct.pack("<I", calls.NOP) and r.section.data[r.offset] & 1
                   for r in self.relocations if r.symbol is symbol and self.kinds[r.type] == "branch")
