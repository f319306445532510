"""Reads an ELF file's call sites: an account that is independent of the tracer's own reader.

Entries of __patchable_function_entries come from the section's bytes or, in position-independent files, from the
relative relocations that fill it. Each slot is assigned to the function symbol it belongs to: the one that starts at it, that
covers it (a landing pad stands before the nops) or that follows it closely (nops before the entry, =N,M).
"""

import struct
import subprocess

RELATIVE = {62: 8, 183: 1027, 21: 22}  # machine: R_X86_64_RELATIVE, R_AARCH64_RELATIVE, R_PPC64_RELATIVE


LANDING_PADS = (b"\xf3\x0f\x1e\xfa", b"\x5f\x24\x03\xd5")  # endbr64, bti c


class Function:
    """A function with a call site: address as linked, all its symbols' names, the slot's address."""

    def __init__(self, address, names, slot):
        self.address, self.names, self.slot = address, names, slot


def demangle(names):
    names = list(names)
    if not names:
        return {}
    answer = subprocess.run(["c++filt"], input="\n".join(names), text=True, stdout=subprocess.PIPE, check=True)
    return dict(zip(names, answer.stdout.split("\n")))


def read(path):
    """Functions with a call site, by address as linked."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"\x7fELF" or data[4] != 2:
        raise ValueError(f"{path}: no 64-bit ELF file")
    order = "<" if data[5] == 1 else ">"
    machine, = struct.unpack_from(order + "H", data, 18)
    table, = struct.unpack_from(order + "Q", data, 40)
    size, count, names_index = struct.unpack_from(order + "HHH", data, 58)
    sections = [struct.unpack_from(order + "IIQQQQIIQQ", data, table + i * size) for i in range(count)]

    def text(section, offset):
        start = section[4] + offset
        return data[start:data.index(b"\0", start)].decode()

    entries = [s for s in sections if text(sections[names_index], s[0]) == "__patchable_function_entries"]
    slots = set()
    for section in entries:
        base, length = section[4], section[5] // 8 * 8
        slots.update(v for v, in struct.iter_unpack(order + "Q", data[base:base + length]) if v)
    for section in sections:
        if section[1] != 4:  # SHT_RELA
            continue
        for offset, info, addend in struct.iter_unpack(order + "QQq", data[section[4]:section[4] + section[5]]):
            if info & 0xFFFFFFFF == RELATIVE.get(machine) and any(e[3] <= offset < e[3] + e[5] for e in entries):
                slots.add(addend)

    symbols = {}
    for kind in (2, 11):  # SHT_SYMTAB, SHT_DYNSYM
        for section in sections:
            if section[1] != kind:
                continue
            strings = sections[section[6]]
            for name, info, _, index, value, length in struct.iter_unpack(
                    order + "IBBHQQ", data[section[4]:section[4] + section[5]]):
                if info & 15 in (2, 10) and index != 0:  # STT_FUNC, STT_GNU_IFUNC
                    entry = symbols.setdefault(value, [set(), 0])
                    if info & 15 == 2:
                        entry[0].add(text(strings, name))
                        entry[1] = max(entry[1], length)
                    else:
                        entry[0].add(text(strings, name) + " (resolver)")
    def bytes_at(address):
        for section in sections:
            if section[1] == 1 and section[2] & 4 and section[3] <= address < section[3] + section[5]:  # code
                return data[section[4] + address - section[3]:][:4]
        return b""

    functions = {}
    for slot in slots:
        for start in [slot, slot - 4, *range(slot + 1, slot + 17)]:
            if start in symbols and (start >= slot or bytes_at(start) in LANDING_PADS):
                functions[start] = Function(start, sorted(symbols[start][0]), slot)
                break
        else:
            raise ValueError(f"{path}: slot {slot:#x} belongs to no function symbol")
    return functions
