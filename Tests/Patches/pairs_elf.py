"""Reads what the comparison of two object files needs out of one: sections, symbols, relocations, unwind entries, names.

Only 64-bit little-endian relocatable files with RELA relocations (x86_64, arm64, ppc64le). Written from the gABI alone, to be
independent of the reader under test.
"""

import re
import struct
import subprocess

WRITE, ALLOC, EXEC, MERGE, STRINGS, TLS_FLAG = 1, 2, 4, 0x10, 0x20, 0x400
NOBITS, GROUP = 8, 17
LOCAL, GLOBAL, WEAK = 0, 1, 2
NOTYPE, OBJECT, FUNC, SECTION, FILE, COMMON, TLS, IFUNC = 0, 1, 2, 3, 4, 5, 6, 10
MACHINES = {62: "x86_64", 183: "arm64", 21: "ppc64le"}
# x86_64's relocations of code whose addend is counted from the end of the field (4 bytes on), not from what is meant.
COUNTED_FROM_END = {2, 4, 9, 19, 20, 22, 26, 41, 42}
# Relocations of data that hold the distance to a place.
DISTANCES = {("x86_64", 2), ("x86_64", 24), ("arm64", 260), ("arm64", 261), ("arm64", 262), ("ppc64le", 26), ("ppc64le", 44)}

# What a compiler adds to the name of a function that it split or specialised; coroutines' bodies are pieces too.
PIECES = r"cold|part|isra|constprop|lto_priv|llvm|localalias|clone|actor|destroy|resume|cleanup|warm"
PIECE = re.compile(rf"^(.+?)((?:\.(?:{PIECES})(?:\.\d+)?)+)$")


class NotELF(Exception):
    pass


class Section:
    def __init__(self, index, name, kind, flags, data, size, link, info, alignment, entry_size):
        self.index, self.name, self.kind, self.flags, self.data, self.size = index, name, kind, flags, data, size
        self.link, self.info, self.alignment, self.entry_size = link, info, alignment, entry_size
        self.relocations = []
        self.symbols = []

    @property
    def relro(self):
        """Constant, but for the relocations that the dynamic linker applies."""
        return self.name.startswith(".data.rel.ro")

    @property
    def code(self):
        return bool(self.flags & ALLOC and self.flags & EXEC)

    @property
    def constant(self):
        return bool(self.flags & ALLOC) and not self.code and (not self.flags & WRITE or self.relro)

    @property
    def kind_name(self):
        return "code" if self.code else "tls" if self.flags & TLS_FLAG else "constant" if self.constant else "data"


class Symbol:
    def __init__(self, index, name, info, other, section, value, size):
        self.index, self.name, self.other, self.section, self.value, self.size = index, name, other, section, value, size
        self.binding, self.type = info >> 4, info & 15


class Relocation:
    def __init__(self, section, offset, type, symbol, addend):
        self.section, self.offset, self.type, self.symbol, self.addend = section, offset, type, symbol, addend


class Object:
    """One relocatable file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        if data[:4] != b"\x7fELF" or data[4:6] != b"\x02\x01":
            raise NotELF(path)
        machine, = struct.unpack_from("<H", data, 18)
        self.machine = MACHINES[machine]
        table, = struct.unpack_from("<Q", data, 40)
        entry, count, names = struct.unpack_from("<HHH", data, 58)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + entry * i) for i in range(count)]
        if count == 0 or (count and names == 0xffff):
            raise NotELF(f"{path}: too many sections for this reader")

        def text(base, offset):
            end = data.index(b"\0", base + offset)
            return data[base + offset:end].decode(errors="replace")

        self.sections = []
        for index, (name, kind, flags, _, offset, size, link, info, alignment, entry_size) in enumerate(headers):
            content = bytes(size) if kind == NOBITS else data[offset:offset + size]
            self.sections.append(Section(index, text(headers[names][4], name), kind, flags, content, size, link, info, alignment,
                                         entry_size))
        self.symbols = []
        for section in self.sections:
            if section.kind == 2:
                strings = headers[section.link][4]
                for index, at in enumerate(range(0, section.size, 24)):
                    name, info, other, shndx, value, size = struct.unpack_from("<IBBHQQ", section.data, at)
                    where = self.sections[shndx] if 0 < shndx < 0xff00 else shndx
                    self.symbols.append(Symbol(index, text(strings, name), info, other, where, value, size))
        for section in self.sections:
            if section.kind == 4:
                target = self.sections[section.info]
                for at in range(0, section.size, 24):
                    offset, info, addend = struct.unpack_from("<QQq", section.data, at)
                    target.relocations.append(Relocation(target, offset, info & 0xffffffff, self.symbols[info >> 32], addend))
                target.relocations.sort(key=lambda r: r.offset)
        for symbol in self.symbols:
            named = symbol.name and symbol.type not in (SECTION, FILE) and not symbol.name.startswith("$")
            if isinstance(symbol.section, Section) and named and not re.match(r"\.L|GCC_except_table\d", symbol.name):
                symbol.section.symbols.append(symbol)

    def unwind(self):
        """[(section, offset, what identifies the rows, (section, offset) of the exception table or None, personality)]"""
        result = []
        for section in self.sections:
            if section.name != ".eh_frame":
                continue
            data, at, common = section.data, 0, {}
            by_offset = {r.offset: r for r in section.relocations}
            while at + 4 <= len(data):
                length, = struct.unpack_from("<I", data, at)
                if length == 0:
                    at += 4
                    continue
                end = at + 4 + length
                pointer, = struct.unpack_from("<I", data, at + 4)
                if pointer == 0:
                    common[at] = self.cie(data, at, end, by_offset)
                else:
                    augmented, personality, rows, lsda_size = common[at + 4 - pointer]
                    start = by_offset[at + 8]
                    width = 8 if augmented.get("R", 0) & 15 in (0, 4, 12) else 4
                    cursor = at + 8 + 2 * width
                    table = None
                    if "z" in augmented:
                        size, cursor = uleb(data, cursor)
                        if size and lsda_size and cursor in by_offset:
                            relocation = by_offset[cursor]
                            table = (relocation.symbol.section, relocation.symbol.value + relocation.addend)
                        cursor += size
                    code = data[cursor:end].rstrip(b"\0")
                    result.append((start.symbol.section, start.symbol.value + start.addend, (rows, code), table, personality))
                at = end
        return result

    def cie(self, data, at, end, by_offset):
        """({augmentation letter: its encoding}, personality's relocation, initial rows, whether there are tables)"""
        close = data.index(b"\0", at + 9)
        letters = data[at + 9:close].decode()
        _, cursor = uleb(data, close + 1)
        _, cursor = uleb(data, cursor)
        _, cursor = uleb(data, cursor)
        augmented, personality = {}, None
        for letter in letters:
            augmented[letter] = 0
            if letter == "z":
                size, cursor = uleb(data, cursor)
                rows = cursor + size
            elif letter == "P":
                encoding = data[cursor]
                personality = by_offset.get(cursor + 1)
                cursor += 1 + (8 if encoding & 15 in (0, 4, 12) else 4)
            elif letter in "RL":
                augmented[letter] = data[cursor]
                cursor += 1
        if "z" not in augmented:
            rows = cursor
        return augmented, personality, data[rows:end].rstrip(b"\0"), "L" in augmented


def uleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        shift, at = shift + 7, at + 1
        if not byte & 0x80:
            return value, at


_demangled = {}


def demangle(names):
    """{symbol: its readable name without white space}; names of C stay."""
    new = [n for n in names if n not in _demangled]
    if new:
        answer = subprocess.run(["c++filt"], input="\n".join(new) + "\n", stdout=subprocess.PIPE, text=True, check=True)
        for name, readable in zip(new, answer.stdout.splitlines()):
            _demangled[name] = re.sub(r"\s+", "", readable)
    return {n: _demangled[n] for n in names}


def numberless(readable):
    """Lambdas, unnamed types and the like without their numbers, which depend on what stands before them."""
    readable = re.sub(r"\{lambda\([^{}]*\)#\d+\}|\$_\d+|'lambda\d*'(\([^()]*\))?", "{lambda}", readable)
    return re.sub(r"\{unnamedtype#\d+\}", "{unnamed}", readable)


def renumbered(symbol, names):
    """A readable name with the names that lambdas have in the other object; None if it holds none of these."""
    pattern = "|".join(re.escape(n) + r"(?!\d)" for n in sorted(names, key=len, reverse=True))
    readable, count = re.subn(pattern, lambda match: names.get(match.group(), ""), demangle([symbol])[symbol])
    return readable if names and count else None


def parent(symbol):
    """The function that a piece was split from or specialised from: without `.cold`, `.part.0`, …."""
    match = PIECE.match(symbol)
    return match.group(1) if match else symbol


def piece(symbol):
    """The kind of a piece, without digits: '', '.cold', '.constprop', '.isra.cold', …"""
    match = PIECE.match(symbol)
    return re.sub(r"\.\d+", "", match.group(2)) if match else ""


def function_name(symbol):
    """As directives call a function: its parent, demangled, no lambda's number."""
    name = re.sub(r"\.\d+$", "", parent(symbol))
    return numberless(demangle([name])[name])


def variable_name(symbol):
    """As directives call a variable: a static local `n` of C is `n.0` for gcc and `f.n` for clang."""
    if symbol.startswith("_Z"):
        # Clang's and gcc's duplicates have digits behind a dot, those of the ABI are demangled away.
        name = re.sub(r"(\.\d+)+$", "", symbol)
        return numberless(demangle([name])[name])
    return re.sub(r"(\.\d+)+$", "", symbol).rsplit(".", 1)[-1]
