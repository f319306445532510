"""Runs the assemblers, apus' linker, GNU ld and ld.lld, and reads what they wrote."""

import json
import os
import re
import struct
import subprocess

import pairs_elf as elf

CROSS = {"x86_64": "", "arm64": "aarch64-linux-gnu-", "ppc64le": "powerpc64le-linux-gnu-"}
PREFIX = {"x86_64": "R_X86_64_", "arm64": "R_AARCH64_", "ppc64le": "R_PPC64_"}
EMULATION = {"x86_64": "elf_x86_64", "arm64": "aarch64linux", "ppc64le": "elf64lppc"}
# What keeps the linkers from changing instructions.
PLAIN = {
    "ld": {"x86_64": ["--no-relax"], "arm64": ["--no-relax",],
           "ppc64le": ["--no-tls-optimize", "--no-toc-optimize", "--no-multi-toc", "--no-toc-sort"]},
    "lld": {"x86_64": ["--no-relax"], "arm64": ["--no-relax"], "ppc64le": ["--no-relax", "--no-toc-optimize"]},
}
LINKERS = ("ld", "lld")
MASK = (1 << 64) - 1


class Failure(Exception):
    """A check that did not hold, with all there is to say about it."""


def signed(value, bits=64):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode(errors="replace")


def type_numbers(arch):
    """{a relocation's name without its prefix: its number}, as the C library's header has them."""
    with open("/usr/include/elf.h") as file:
        defined = dict(re.findall(r"#define (R_\w+)\s+(\w+)", file.read()))
    prefix = PREFIX[arch]
    return {name[len(prefix):]: int(defined.get(value, value), 0) for name, value in defined.items()
            if name.startswith(prefix) and not name.endswith("_NUM")}


def assemble(arch, text, output):
    """An object file of assembly; its sections, symbols and relocations."""
    with open(output + ".s", "w") as file:
        file.write(text)
    status, said = run([CROSS[arch] + "as", output + ".s", "-o", output])
    if status:
        raise Failure(f"{output}.s: {said}")
    return elf.Object(output)


def set_types(path, types):
    """Changes types of relocations in a file: {(section's name, offset): number}, for what the assembler cannot say."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    table, = struct.unpack_from("<Q", data, 40)
    for section in elf.Object(path).sections:
        if section.kind == 4:
            start, = struct.unpack_from("<Q", data, table + 64 * section.index + 24)
            target = elf.Object(path).sections[section.info].name
            for at in range(start, start + section.size, 24):
                offset, = struct.unpack_from("<Q", data, at)
                if (target, offset) in types:
                    struct.pack_into("<I", data, at + 8, types[target, offset])
    with open(path, "wb") as file:
        file.write(data)
    return elf.Object(path)


def set_absolute(path, name, value):
    """Gives an undefined symbol of a file an absolute value, which assemblers would put into the instructions at once."""
    symbol = next(s.index for s in elf.Object(path).symbols if s.name == name)
    table = next(s for s in elf.Object(path).sections if s.kind == 2)
    with open(path, "r+b") as file:
        file.seek(40)
        headers, = struct.unpack("<Q", file.read(8))
        file.seek(headers + 64 * table.index + 24)
        start, = struct.unpack("<Q", file.read(8))
        file.seek(start + 24 * symbol + 6)
        file.write(struct.pack("<HQ", 0xfff1, value))


class Linked:
    """What apus' linker made of an object."""

    def __init__(self, base, described, data):
        self.base, self.data = base, data
        self.size, self.table = described["size"], described["table"]
        self.sections = {s["number"]: s["offset"] for s in described["sections"]}
        self.slots = {(s["symbol"], s["addend"], s["content"]): s["offset"] for s in described["slots"]}
        self.veneers = {(s["symbol"], s["addend"]): s["offset"] for s in described["veneers"]}
        self.words = described["words"]
        self.symbols = {s["number"]: s["address"] for s in described["symbols"]}

    def word(self, address):
        return struct.unpack_from("<Q", self.data, address - self.base)[0]

    def read(self, address, count):
        return self.data[address - self.base:address - self.base + count]


def apus_link(apus, path, output, lines):
    """The result, or the error message. Without a base in the lines there is the layout only.

    An error must be a message and status 1, and nothing written.
    """
    if os.path.exists(output):
        os.remove(output)
    with open(output + ".bindings", "w") as file:
        file.write("\n".join(lines) + "\n")
    done = subprocess.run([apus, "patch", "link", path, "--bindings", output + ".bindings", "-o", output],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if done.returncode:
        said = done.stderr.decode()
        if done.returncode != 1 or os.path.exists(output) or done.stdout or not said.startswith("apus: error: "):
            raise Failure(f"{path}: status {done.returncode}, output {os.path.exists(output)}: {said}")
        return said.strip()
    described, data = json.loads(done.stdout), b""
    base = next((int(line.split()[1], 0) for line in lines if line.startswith("base ")), None)
    if base is not None:
        with open(output, "rb") as file:
            data = file.read()
        if len(data) != described["size"]:
            raise Failure(f"{path}: {len(data)} bytes written of {described['size']}")
    return Linked(base, described, data)


class Image:
    """A linked ELF file by addresses."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        table, = struct.unpack_from("<Q", data, 40)
        entry, count, names = struct.unpack_from("<HHH", data, 58)
        self.sections, self.dynamic = [], {}
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + entry * i) for i in range(count)]
        for name, kind, flags, address, offset, size, *_ in headers:
            if flags & elf.ALLOC and kind != elf.NOBITS:
                start = headers[names][4] + name
                self.sections.append((data[start:data.index(b"\0", start)].decode(), address, data[offset:offset + size]))
        for _, kind, flags, _, offset, size, link, *_ in headers:
            if kind == 4 and flags & elf.ALLOC:
                symbols, strings = headers[link], headers[headers[link][6]]
                for at in range(offset, offset + size, 24):
                    place, info, addend = struct.unpack_from("<QQq", data, at)
                    name, = struct.unpack_from("<I", data, symbols[4] + 24 * (info >> 32)) if symbols[5] else (0,)
                    start = strings[4] + name
                    text = data[start:data.index(b"\0", start)].decode() if info >> 32 else ""
                    value = struct.unpack_from("<Q", data, symbols[4] + 24 * (info >> 32) + 8)[0] if info >> 32 else 0
                    self.dynamic[place] = (info & 0xffffffff, text, value, addend)

    def read(self, address, count, only=None):
        """Bytes; of one section, where several overlap."""
        for name, start, data in self.sections:
            if only in (None, name) and start <= address and address + count <= start + len(data):
                return data[address - start:address - start + count]
        raise Failure(f"nothing at {address:#x}")

    def word(self, address, only=None):
        return int.from_bytes(self.read(address, 8, only), "little")


def linker_link(linker, arch, objects, output, script, *flags):
    """(the image or None, what the linker said)"""
    with open(output + ".ld", "w") as file:
        file.write(script)
    program = [CROSS[arch] + "ld"] if linker == "ld" else ["ld.lld", "-m", EMULATION[arch], "--error-limit=0", "--threads=1"]
    status, said = run([*program, *PLAIN[linker][arch], "--build-id=none", "-e", "0", "--no-check-sections", "-z", "norelro",
                        "-z", "max-page-size=4096", *flags, "-T", output + ".ld", *objects, "-o", output])
    return (Image(output) if status == 0 else None), said
