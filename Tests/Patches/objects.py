"""ELF relocatable files as the oracle needs them: sections, symbols, relocations (64 bits, little-endian)."""

import bisect
import struct
from dataclasses import dataclass, field

SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_GROUP = 2, 4, 8, 17
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_MERGE, SHF_STRINGS, SHF_TLS = 1, 2, 4, 0x10, 0x20, 0x400
STT_OBJECT, STT_FUNC, STT_SECTION, STT_TLS, STT_IFUNC = 1, 2, 3, 6, 10
MACHINES = {62: "x86_64", 183: "aarch64", 21: "powerpc64le"}


@dataclass
class Relocation:
    offset: int
    type: int
    symbol: "Symbol"
    addend: int


@dataclass
class Symbol:
    name: str
    section: int  # 0: undefined; from 0xff00: absolute, common
    value: int
    size: int
    kind: int
    binding: int
    other: int


@dataclass
class Section:
    index: int
    name: str
    type: int
    flags: int
    size: int
    entry_size: int
    data: bytes
    relocations: list = field(default_factory=list)  # ascending by offset
    symbols: list = field(default_factory=list)  # named ones in it, ascending by value

    @property
    def executable(self):
        return bool(self.flags & SHF_EXECINSTR)

    @property
    def constant(self):
        """Never written after loading: read-only, or relocated only."""
        if not self.flags & SHF_ALLOC or self.executable:
            return False
        return not self.flags & SHF_WRITE or self.name.startswith((".data.rel.ro", ".toc"))

    def relocations_in(self, start, end):
        first = bisect.bisect_left(self.relocations, start, key=lambda r: r.offset)
        last = bisect.bisect_left(self.relocations, end, key=lambda r: r.offset)
        return self.relocations[first:last]


def text(table, offset):
    return table[offset : table.index(b"\0", offset)].decode(errors="surrogateescape")


class Object:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.bytes = file.read()
        if self.bytes[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path}: no 64-bit little-endian ELF file")
        kind, machine = struct.unpack_from("<HH", self.bytes, 16)
        if kind != 1 or machine not in MACHINES:
            raise ValueError(f"{path}: no relocatable file of {', '.join(MACHINES.values())}")
        self.machine = MACHINES[machine]
        self.sections = self.read_sections()
        self.symbols = self.read_symbols()
        self.read_relocations()
        self.labels = self.referenced_offsets()

    def read_sections(self):
        (table,) = struct.unpack_from("<Q", self.bytes, 0x28)
        entry, count, names = struct.unpack_from("<HHH", self.bytes, 0x3A)
        if count == 0:  # more than fit in 16 bits
            (count,) = struct.unpack_from("<Q", self.bytes, table + 32)
        headers = [struct.unpack_from("<IIQQQQIIQQ", self.bytes, table + entry * i) for i in range(count)]
        if names == 0xFFFF:
            names = headers[0][6]
        self.headers = headers
        strings = self.contents(headers[names])
        return [
            Section(i, text(strings, h[0]), h[1], h[2], h[5], h[9], self.contents(h)) for i, h in enumerate(headers)
        ]

    def contents(self, header):
        return b"" if header[1] == SHT_NOBITS else self.bytes[header[4] : header[4] + header[5]]

    def read_symbols(self):
        symbols = []
        for section, header in zip(self.sections, self.headers):
            if section.type != SHT_SYMTAB:
                continue
            strings = self.sections[header[6]].data
            for name, info, other, index, value, size in struct.iter_unpack("<IBBHQQ", section.data):
                symbol = Symbol(text(strings, name), index, value, size, info & 15, info >> 4, other)
                if symbol.kind == STT_SECTION:
                    symbol.name = self.sections[index].name
                elif symbol.name and 0 < index < len(self.sections):
                    self.sections[index].symbols.append(symbol)
                symbols.append(symbol)
        for section in self.sections:
            section.symbols.sort(key=lambda s: s.value)
        return symbols

    def read_relocations(self):
        for section, header in zip(self.sections, self.headers):
            if section.type != SHT_RELA:
                continue
            target = self.sections[header[7]]
            for offset, info, addend in struct.iter_unpack("<QQq", section.data):
                symbol = self.symbols[info >> 32]
                target.relocations.append(Relocation(offset, info & 0xFFFFFFFF, symbol, addend))
            target.relocations.sort(key=lambda r: r.offset)

    def referenced_offsets(self):
        """For each section, where something unnamed may begin in it: what relocations and symbols point to, ascending."""
        found = {}
        for section in self.sections:
            for symbol in section.symbols:
                found.setdefault(section.index, {0}).add(symbol.value)
            for relocation in section.relocations:
                symbol = relocation.symbol
                if 0 < symbol.section < len(self.sections):
                    # A displacement to the next instruction is in it too, by 4 mostly; a boundary too many does no harm.
                    bias = 4 if self.machine == "x86_64" and section.executable and relocation.type != 1 else 0
                    found.setdefault(symbol.section, {0}).add(symbol.value + relocation.addend + bias)
        return {index: sorted(offsets) for index, offsets in found.items()}

    def functions(self):
        """The function symbols that are defined here, those with a size; pieces (`.cold` …) among them."""
        return [
            s
            for s in self.symbols
            if s.kind in (STT_FUNC, STT_IFUNC) and 0 < s.section < len(self.sections) and s.size and s.name
        ]

    def objects(self):
        return [
            s
            for s in self.symbols
            if s.kind in (STT_OBJECT, STT_TLS) and 0 < s.section < len(self.sections) and s.name
        ]
