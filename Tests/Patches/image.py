#!/usr/bin/env python3
"""Links a patch into a copy of a program's or library's file: a test's way to run patched code without a process to patch.

  image.py APUS PATCH BINARY -o OUT [--module NAME]

Segments are laid behind the ones that there are: a new table of program headers, what the dynamic linker reads, the linked code
and its data. Each function that is replaced jumps to the new one from where its code begins. Symbols of other modules are bound by the dynamic
linker, through relocations that are added to those of the file; the table that unwinders search is made anew. Everything here is
read from the files apart from Apus' own reader: the patch's tables by Documentation/PatchObject.md, the rest by the gABI.
"""

import argparse
import bisect
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

PT_LOAD, PT_DYNAMIC, PT_PHDR, PT_TLS, PT_EH_FRAME = 1, 2, 6, 7, 0x6474E550
DT_PPC64_OPT = 0x70000003
DT_RELASZ, DT_RELA, DT_SYMTAB, DT_STRTAB, DT_STRSZ, DT_VERSYM = 8, 7, 6, 5, 10, 0x6FFFFFF0
PAGE = 0x10000
# A place that no code reaches: what is bound to it must go through a word that the dynamic linker fills.
NOWHERE = 0x7FFF00000000
# e_machine: relocations of the dynamic linker: "base + addend", "symbol + addend", module, block offset, thread offset, "what the function at
# base + addend chooses".
MACHINES = {62: (8, 1, 16, 17, 18, 37), 183: (1027, 257, 1028, 1029, 1030, 1032), 21: (22, 38, 68, 78, 73, 248)}


class Failure(Exception):
    pass


def text(data, offset):
    return data[offset : data.index(b"\0", offset)].decode()


class File:
    """An ELF file's headers, sections and symbols."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        self.type, self.machine = struct.unpack_from("<HH", self.data, 16)
        program, self.section_table = struct.unpack_from("<QQ", self.data, 32)
        count, = struct.unpack_from("<H", self.data, 56)
        self.segments = [list(struct.unpack_from("<IIQQQQQQ", self.data, program + 56 * i)) for i in range(count)]
        sections, names = struct.unpack_from("<HH", self.data, 60)
        self.sections = [list(struct.unpack_from("<IIQQQQIIQQ", self.data, self.section_table + 64 * i)) for i in range(sections)]
        self.names = self.sections[names][4] if sections else 0

    def section(self, name):
        return next((s for s in self.sections if text(self.data, self.names + s[0]) == name), None)

    def contents(self, name):
        found = self.section(name)
        if not found:
            raise Failure(f"there is no section {name}")
        return bytes(self.data[found[4] : found[4] + found[5]])

    def symbols(self, kind):
        """(name, info, other, section, value, size) of each symbol of the table of that sh_type."""
        table = next((s for s in self.sections if s[1] == kind), None)
        if not table:
            return []
        strings = self.sections[table[6]][4]
        found = []
        for at in range(table[4], table[4] + table[5], 24):
            name, info, other, section, value, size = struct.unpack_from("<IBBHQQ", self.data, at)
            found.append((text(self.data, strings + name), info, other, section, value, size))
        return found

    def offset(self, address):
        """Where in the file what is loaded at an address is."""
        for kind, _, offset, start, _, filed, _, _ in self.segments:
            if kind == PT_LOAD and start <= address < start + filed:
                return address - start + offset
        raise Failure(f"nothing of the file is at {address:#x}")


class Patch(File):
    """A patch object's own tables."""

    def __init__(self, path):
        super().__init__(path)
        self.strings = self.contents(".apus.strings")
        modules = self.contents(".apus.modules")
        self.modules = [text(self.strings, struct.unpack_from("<I", modules, at)[0]) for at in range(0, len(modules), 32)]
        self.own = self.symbols(2)

    def records(self, name):
        """(symbol, kind or reasons, module, name, file, position, address, size) of each record."""
        table = self.contents(name)
        for at in range(0, len(table), 48):
            symbol, kind, module, place, file, position, address, size = struct.unpack_from("<IIIIIIQQ", table, at)
            yield symbol, kind, module, text(self.strings, place), text(self.strings, file), position, address, size


class Image:
    """The file that is made."""

    def __init__(self, apus, patch, binary, module):
        self.apus, self.patch_path, self.patch, self.file = apus, patch, Patch(patch), File(binary)
        name = module or os.path.basename(binary)
        if name not in self.patch.modules:
            raise Failure(f"{patch} is not for {name} but for {', '.join(self.patch.modules)}")
        self.module = self.patch.modules.index(name)
        self.base = self.file.type == 3  # moves as a whole
        self.tls = next((s for s in self.file.segments if s[0] == PT_TLS), None)
        end = max(s[3] + s[6] for s in self.file.segments if s[0] == PT_LOAD)
        # Addresses and places in the file go together as in the first segment, so that the headers are found in memory.
        first = next(s for s in self.file.segments if s[0] == PT_LOAD)
        self.shift = first[3] - first[2]
        self.place = max(end, len(self.file.data) + self.shift) + PAGE - 1 & -PAGE
        self.imported = {}  # symbols of the patch, by number: names
        self.chosen = {}  # by number: the address of the function that chooses

    # The linker's part.

    def bindings(self, base):
        """The lines that tell the linker what undefined symbols are."""
        lines = [f"base {base:#x}"]
        if self.file.machine == 21:
            toc = self.file.section(".got") or self.file.section(".toc")
            lines.append(f"toc {toc[3] + 0x8000:#x}")
        if self.tls:
            lines.append(f"thread {self.thread_block()}")
        lines.append("number 1")
        table = {}
        for symbol in self.file.symbols(2) + self.file.symbols(11):
            table.setdefault((symbol[0].split("@")[0], symbol[4]), symbol)
        dynamic = {s[0].split("@")[0]: s for s in self.file.symbols(11)}
        for symbol, kind, module, name, _, _, address, _ in self.patch.records(".apus.references"):
            if kind == 1:
                known = dynamic.get(name)
                if self.patch.own[symbol][1] >> 4 == 2 and (not known or not self.base):
                    continue  # weak: 0, unless the dynamic linker may find it
                if self.patch.own[symbol][1] & 15 == 6:
                    lines.append(f"foreign {symbol} 0 0 1")
                elif known and known[4]:
                    lines.append(f"address {symbol} {known[4]:#x}")  # an entry of the PLT that stands for it everywhere
                    continue
                elif known and known[1] & 15 == 1:
                    lines.append(f"address {symbol} {NOWHERE:#x}")
                else:
                    lines.append(f"function {symbol} {NOWHERE:#x}")
                self.imported[symbol] = name
                continue
            if module != self.module:
                continue
            known = table.get((name, address))
            if not known:
                raise Failure(f"{name} is not at {address:#x} of the file")
            if self.patch.own[symbol][1] & 15 == 10:
                lines.append(f"function {symbol} {NOWHERE:#x}")
                self.chosen[symbol] = address
                continue
            lines.append(f"variable {symbol} {address}" if known[1] & 15 == 6 else f"address {symbol} {address:#x} {known[2]}")
        return lines

    def thread_block(self):
        """Where an executable's thread-local block is, away from the thread pointer (ELF Handling For TLS, 3)."""
        size, alignment = self.tls[6], max(1, self.tls[7])
        if self.file.machine == 62:
            return -((size + self.tls[3] % alignment + alignment - 1) // alignment * alignment) + self.tls[3] % alignment
        return (16 + alignment - 1) // alignment * alignment if self.file.machine == 183 else -0x7000

    def link(self, base, directory):
        path, output = os.path.join(directory, "bindings"), os.path.join(directory, "linked")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.bindings(base)) + "\n")
        command = [self.apus, "patch", "link", self.patch_path, "--module", str(self.module), "--bindings", path, "-o", output]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(done.stderr.strip())
        with open(output, "rb") as file:
            return json.loads(done.stdout), bytearray(file.read())

    # The dynamic linker's part.

    def dynamic(self):
        segment = next((s for s in self.file.segments if s[0] == PT_DYNAMIC), None)
        if not segment:
            return {}
        return {
            struct.unpack_from("<q", self.file.data, at)[0]: at for at in range(segment[2] + segment[5] - 16, segment[2] - 1, -16)
        }

    def value(self, places, tag):
        return struct.unpack_from("<Q", self.file.data, places[tag] + 8)[0]

    def relocations(self, layout, linked, base):
        """(relocations for the dynamic linker, names that they need)."""
        relative, absolute, module, block, thread, chosen = MACHINES[self.file.machine]
        addresses = {s["number"]: s["address"] for s in layout["symbols"]}
        found = []
        for word in layout["words"]:
            at, symbol = base + word["offset"], word["symbol"]
            here, = struct.unpack_from("<Q", linked, word["offset"])
            if word["content"] == "address" and symbol in self.chosen:
                found.append((at, chosen, None, self.chosen[symbol]))
            elif word["content"] == "address" and symbol in self.imported:
                found.append((at, absolute, self.imported[symbol], word["addend"]))
            elif word["content"] == "address":
                unknown = self.patch.own[symbol][3] == 0 and here == word["addend"]
                if self.base and not unknown and (symbol in addresses or here):
                    found.append((at, relative, None, here))
            elif word["content"] == "variable" and symbol in self.imported:
                found.append((at, module, self.imported[symbol], 0))
                found.append((at + 8, block, self.imported[symbol], word["addend"]))
            elif word["content"] == "threadOffset" and symbol in self.imported:
                found.append((at, thread, self.imported[symbol], word["addend"]))
            elif word["content"] in ("variable", "block") and self.base:
                found.append((at, module, None, 0))
            elif word["content"] == "threadOffset" and self.is_library():
                value = here - self.thread_block()
                found.append((at, thread, None, value))
        return found

    def is_library(self):
        return self.base and not any(s[0] == 3 for s in self.file.segments)

    def symbol_table(self, names, start):
        """Puts what the dynamic linker has to know of more names behind a copy of its tables; (bytes, numbers of names)."""
        places = self.dynamic()
        known = {s[0].split("@")[0]: i for i, s in enumerate(self.file.symbols(11)) if s[0]}
        missing = [n for n in names if n not in known]
        if not missing:
            return b"", known
        table = next(s for s in self.file.sections if s[1] == 11)
        strings = bytearray(self.file.data[self.file.sections[table[6]][4] :][: self.value(places, DT_STRSZ)])
        symbols = bytearray(self.file.data[table[4] : table[4] + table[5]])
        versions = self.file.section(".gnu.version")
        numbers = bytearray(self.file.data[versions[4] : versions[4] + versions[5]]) if versions else bytearray()
        weak = {self.patch.own[n][0] for n in self.imported if self.patch.own[n][1] >> 4 == 2}
        for name in missing:
            known[name] = len(symbols) // 24
            symbols += struct.pack("<IBBHQQ", len(strings), (2 if name in weak else 1) << 4, 0, 0, 0, 0)
            strings += name.encode() + b"\0"
            numbers += struct.pack("<H", 1)
        output = bytearray()
        for tag, part in ((DT_SYMTAB, symbols), (DT_STRTAB, strings), (DT_VERSYM, numbers)):
            output += bytes(-len(output) % 8)
            if tag in places:
                struct.pack_into("<Q", self.file.data, places[tag] + 8, start + len(output))
            output += part
        struct.pack_into("<Q", self.file.data, places[DT_STRSZ] + 8, len(strings))
        return bytes(output + bytes(-len(output) % 8)), known

    # Unwinding.

    def frames(self, layout, linked, base):
        """(function's address, its record's) for the records that the patch brings."""
        found = []
        for number in (i for i, s in enumerate(self.patch.sections) if text(self.patch.data, self.patch.names + s[0]) == ".eh_frame"):
            offset = next((s["offset"] for s in layout["sections"] if s["number"] == number), None)
            if offset is None:
                continue
            at, end, wide = offset, offset + self.patch.sections[number][5], {}
            while at + 8 <= end:
                length, pointer = struct.unpack_from("<II", linked, at)
                if pointer == 0:
                    wide[at] = self.encoding(linked, at)
                elif length:
                    kind = wide[at + 4 - pointer]
                    distance, = struct.unpack_from("<i" if kind & 15 == 11 else "<q", linked, at + 8)
                    found.append((distance + (base + at + 8 if kind & 0x70 == 0x10 else 0), base + at))
                at += 4 + length
        return found

    @staticmethod
    def encoding(data, at):
        """How a common record (CIE) says that pointers are written; only what compilers write is read."""
        augmentation = text(data, at + 9)
        if "R" not in augmentation:
            return 0
        place = at + 9 + len(augmentation) + 1
        for _ in range(3):  # factors and the return address's column
            while data[place] & 0x80:
                place += 1
            place += 1
        place += 1  # the augmentation's length
        for letter in augmentation[1:]:
            if letter == "R":
                return data[place]
            place += 1 if letter == "L" else 1 + {11: 4, 3: 4}.get(data[place] & 15, 8)
        return 0

    def search_table(self, frames, start):
        """A new table for unwinders' binary search (LSB, .eh_frame_hdr); None if the file has none."""
        segment = next((s for s in self.file.segments if s[0] == PT_EH_FRAME), None)
        if not segment or not frames:
            return None
        old = self.file.data[segment[2] : segment[2] + segment[5]]
        if bytes(old[:4]) != b"\x01\x1b\x03\x3b":
            raise Failure("the table of unwind records is written in another way")
        count, = struct.unpack_from("<I", old, 8)
        rows = [struct.unpack_from("<ii", old, 12 + 8 * i) for i in range(count)]
        rows = [(segment[3] + a, segment[3] + b) for a, b in rows]
        for frame in frames:
            bisect.insort(rows, frame)
        section, = struct.unpack_from("<i", old, 4)
        table = struct.pack("<IiI", 0x3B031B01, segment[3] + 4 + section - (start + 4), len(rows))
        table += b"".join(struct.pack("<ii", a - start, b - start) for a, b in rows)
        segment[2], segment[3], segment[4], segment[5], segment[6] = start - self.shift, start, start, len(table), len(table)
        return table

    # Jumps.

    def jump(self, old, other, size, new):
        if self.file.machine == 62:
            if size < 5:
                raise Failure(f"the {size} bytes at {old:#x} are too few for a jump")
            code = b"\xe9" + struct.pack("<i", new - old - 5)
        elif self.file.machine == 183:
            code = struct.pack("<I", 0x14000000 | (new - old >> 2) & 0x3FFFFFF)
            if not -1 << 27 <= new - old < 1 << 27:
                raise Failure("too far for a branch")
        else:
            # From local entry to local entry: both have the same r2.
            old += (1 << (other >> 5)) if other >> 5 > 1 else 0
            code = struct.pack("<I", 0x48000000 | (new - old) & 0x3FFFFFC)
            if not -1 << 25 <= new - old < 1 << 25:
                raise Failure("too far for a branch")
        offset = self.file.offset(old)
        self.file.data[offset : offset + len(code)] = code

    def make(self, directory):
        headers = bytes(56 * (len(self.file.segments) + 3))
        layout, _ = self.link(0, directory)
        table_start = self.place + len(headers) + 8 & -8
        # The tables' size does not depend on where the code is.
        code = self.place + 0x100000
        names = sorted(set(self.imported.values()))
        tables, numbers = self.symbol_table(names, table_start)
        code = (table_start + len(tables) + (1 << 20) + PAGE - 1) & -PAGE
        layout, linked = self.link(code, directory)
        moved = self.relocations(layout, linked, code)
        # (Large code models have whole addresses in instructions.)
        self.writes_code = any(at < code + layout["ranges"][1]["start"] for at, _, _, _ in moved)
        places = self.dynamic()
        if self.file.machine == 21 and DT_PPC64_OPT in places:
            # Without this bit the dynamic linker does not leave variables' offsets to the stubs that GNU ld makes for __tls_get_addr.
            options = self.value(places, DT_PPC64_OPT)
            struct.pack_into("<Q", self.file.data, places[DT_PPC64_OPT] + 8, options & ~1)
        output = bytearray(headers) + bytes(table_start - self.place - len(headers)) + tables
        if moved:
            if DT_RELA not in places:
                raise Failure("the file has no table of relocations to add to")
            old = self.value(places, DT_RELA)
            size = self.value(places, DT_RELASZ)
            offset = self.file.offset(old)
            all_of_them = self.file.data[offset : offset + size]
            for at, kind, name, addend in moved:
                all_of_them += struct.pack("<QQq", at, (numbers[name] if name else 0) << 32 | kind, addend)
            output += bytes(-len(output) % 8)
            struct.pack_into("<Q", self.file.data, places[DT_RELA] + 8, self.place + len(output))
            struct.pack_into("<Q", self.file.data, places[DT_RELASZ] + 8, len(all_of_them))
            output += all_of_them
        output += bytes(-len(output) % 8)
        table = self.search_table(self.frames(layout, linked, code), self.place + len(output))
        output += table or b""
        if self.place + len(output) > code:
            raise Failure("the tables are larger than the room for them")
        self.replace(layout)
        self.lay(output, linked, layout, code)

    def replace(self, layout):
        addresses = {s["number"]: s["address"] for s in layout["symbols"]}
        table = {(s[0], s[4]): s for s in self.file.symbols(2)}
        self.replaced = 0
        for symbol, _, module, name, _, _, address, size in self.patch.records(".apus.functions"):
            if module != self.module:
                continue
            new = addresses[symbol]
            own = self.patch.own[symbol][2] >> 5
            if self.file.machine == 21 and own > 1:
                new += 1 << own
            self.jump(address, table[name, address][2], size, new)
            self.replaced += 1

    def lay(self, tables, linked, layout, code):
        """Writes the segments behind the file, and the new program headers."""
        data = self.file.data
        data += bytes(self.place - self.shift - len(data)) + tables
        data += bytes(code - self.shift - len(data)) + linked
        split = layout["ranges"][1]["start"]
        new = [
            [PT_LOAD, 4, self.place - self.shift, self.place, self.place, len(tables), len(tables), PAGE],
            [PT_LOAD, 7 if self.writes_code else 5, code - self.shift, code, code, split, split, PAGE],
            [PT_LOAD, 6, code + split - self.shift, code + split, code + split] + [len(linked) - split] * 2 + [0x1000],
        ]
        segments = [s for s in self.file.segments if s[0] != PT_PHDR]
        last = max(i for i, s in enumerate(segments) if s[0] == PT_LOAD)
        segments = segments[: last + 1] + new + segments[last + 1 :]
        if any(s[0] == PT_PHDR for s in self.file.segments):
            size = 56 * (len(segments) + 1)
            segments.insert(0, [PT_PHDR, 4, self.place - self.shift, self.place, self.place, size, size, 8])
        struct.pack_into("<Q", data, 32, self.place - self.shift)
        struct.pack_into("<H", data, 56, len(segments))
        for index, segment in enumerate(segments):
            struct.pack_into("<IIQQQQQQ", data, self.place - self.shift + 56 * index, *segment)


def write(apus, patch, binary, output, module=None):
    """Makes the patched copy; the number of functions that it replaces."""
    with tempfile.TemporaryDirectory() as directory:
        image = Image(apus, patch, binary, module)
        image.make(directory)
    with open(output + ".new", "wb") as file:
        file.write(image.file.data)
    shutil.copymode(binary, output + ".new")
    os.replace(output + ".new", output)
    return image.replaced


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus")
    parser.add_argument("patch")
    parser.add_argument("binary")
    parser.add_argument("-o", dest="output", required=True)
    parser.add_argument("--module", help="its name in the patch, if the file has another")
    options = parser.parse_args()
    try:
        print(f"{write(options.apus, options.patch, options.binary, options.output, options.module)} functions replaced")
    except (Failure, OSError) as error:
        print(f"image.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
