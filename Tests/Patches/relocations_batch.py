"""Rows in one object file: how it is assembled, bound so that wanted values result, and linked by all three linkers."""

import os

import relocations_linkers as linkers
from relocations_linkers import MASK, Failure, apus_link

TLS_SIZE = 16
# Where the executable's thread-local block of TLS_SIZE bytes is, away from the thread pointer: before it on x86_64; behind a
# header of 16 bytes on arm64; on ppc64le the pointer is 0x7000 behind the block's start.
THREAD = {"x86_64": -TLS_SIZE, "arm64": 16, "ppc64le": -0x7000}
# What `__tls_get_addr` adds on ppc64le.
BIAS = {"x86_64": 0, "arm64": 0, "ppc64le": 0x8000}
# Bytes at the global offset table's start that are the dynamic linker's, or say where the TOC is.
HEADER = {("arm64", "ld"): 8, ("ppc64le", "ld"): 8, ("ppc64le", "lld"): 8}
# Where ld and lld put what apus' layout does not have, away from the base.
REST = 0x20_0000
THREADED = ("threadOffset", "blockOffset", "descriptor")


def draw(value, random):
    """A value of a row: fixed, or a random multiple of `step` in a range."""
    if isinstance(value, int):
        return value
    least, most, step = value
    return random.randint(-(-least // step), most // step) * step


class Batch:
    """An object with a piece of code or data for each row."""

    def __init__(self, arch, name, rows, directory, one_symbol=False, extra="", section=".text"):
        self.arch, self.rows, self.name = arch, rows, name
        self.path = os.path.join(directory, f"{arch}-{name}.o")
        self.section = section
        pieces = [extra, ".text" if section == ".text" else f'.section {section},"a"']
        for index, row in enumerate(rows):
            symbol = "s0" if one_symbol else f"s{index}"
            # Its size, for the relocations that hold it, is set in the file.
            defined = [f".globl {symbol}", f"{symbol}:", f".size {symbol}, 8"] if row.kind == "size" else []
            if row.kind in THREADED:
                defined.append(f".type {symbol}, %tls_object")
            pieces += [".balign 16", f"row{index}:", *defined, *row.text.replace("{s}", symbol).split("; ")]
        pieces += [".balign 16", "rows_end:", ".quad 0"]
        self.object = linkers.assemble(arch, "\n".join(pieces) + "\n", self.path)
        numbers = linkers.type_numbers(arch)
        labels = {s.name: s.value for s in self.object.symbols}
        starts = [labels[f"row{i}"] for i in range(len(rows))] + [labels["rows_end"]]
        patched = {}
        self.text = next(s for s in self.object.sections if s.name == section)
        self.ranges = list(zip(starts, starts[1:]))
        self.relocations = []
        for row, (start, end) in zip(rows, self.ranges):
            mine = [r for r in self.text.relocations if start <= r.offset < end]
            wanted = [r for r in mine if row.patched is not None or r.type == numbers[row.name]]
            if len(wanted) != 1:
                raise Failure(f"{arch} {row.name}: `{row.text}` has the relocations {[r.type for r in mine]}")
            self.relocations.append(wanted[0])
            if row.patched is not None:
                patched[section, wanted[0].offset] = row.patched
        if patched:
            self.object = linkers.set_types(self.path, patched)
            self.text = next(s for s in self.object.sections if s.name == section)

    def symbol(self, index, value, place):
        """What row `index`'s symbol must be for a value."""
        row, relocation = self.rows[index], self.relocations[index]
        here, addend = place.text + relocation.offset, relocation.addend
        kind = row.kind
        if kind in ("absolute", "nothing", "slot address", "slotFromTable address"):
            result = value - addend
        elif kind in ("relative", "branch"):
            result = value - addend + here
        elif kind == "page":
            result = (here & ~0xfff) + value + place.low - addend
        elif kind == "fromTOC":
            result = value - addend + place.toc
        elif kind == "fromTable":
            result = value - addend + place.table
        elif kind == "threadOffset" or kind == "descriptor":
            # (On x86_64 the addend of the first instruction counts to the instruction's end.)
            end = 4 if kind == "descriptor" and self.arch == "x86_64" and row.name != "TLSDESC_CALL" else 0
            result = value - addend - end - THREAD[self.arch]
        elif kind == "blockOffset":
            result = value - addend + BIAS[self.arch]
        else:
            return None
        return result & MASK

    def bindings(self, place, symbols):
        """The lines for apus."""
        lines = [f"base {place.base:#x}", f"thread {THREAD[self.arch]}", "number 1"]
        if place.toc is not None:
            lines.append(f"toc {place.toc:#x}")
        by_name = {s.name: s.index for s in self.object.symbols}
        for name, (kind, value) in symbols.items():
            if name in by_name:
                lines.append(f"{'variable' if kind == 'tls' else 'address'} {by_name[name]} {value:#x}")
        return lines

    def apus(self, apus, place, symbols, output=None, path=None):
        return apus_link(apus, path or self.path, (output or self.path) + ".apus", self.bindings(place, symbols))

    def others(self, linker, place, symbols, flags=(), path=None, got=None):
        """(image or None, what was said) of a linker, at the same addresses."""
        output = f"{path or self.path}.{linker}"
        objects = [path or self.path]
        variables = {n: v for n, (kind, v) in symbols.items() if kind == "tls"}
        tls = ""
        if variables:
            text = [".section .tdata,\"awT\"", ".balign 16", "block:", f".skip {TLS_SIZE}"]
            for name, value in variables.items():
                text += [f".globl {name}", f".hidden {name}", f".type {name}, %tls_object", f"{name} = block + {value:#x}"]
            linkers.assemble(self.arch, "\n".join(text) + "\n", output + ".tls.o")
            objects.append(output + ".tls.o")
            tls = f".tdata {place.base + REST:#x} : {{ *(.tdata) }}"
        assigned = "".join(f"{n} = {v:#x};\n" for n, (kind, v) in symbols.items() if kind == "address")
        table = place.table if got is None else got - HEADER.get((self.arch, linker), 0)
        if self.arch == "ppc64le" and place.toc is not None and got is None:
            table = place.toc - 0x8000
        script = f"""{assigned}
SECTIONS {{
  {self.section} {place.text:#x} : {{ *({self.section}) }}
  .got.plt {place.table:#x} : {{ *(.got.plt) }}
  .got {table:#x} : {{ *(.got) *(.toc) }}
  {tls}
  . = {place.base + 2 * REST:#x};
  .dynsym : {{ *(.dynsym) }} .dynstr : {{ *(.dynstr) }} .hash : {{ *(.hash) }} .gnu.hash : {{ *(.gnu.hash) }} .rela : {{ *(.rela*) }}
  .dynamic : {{ *(.dynamic) }}
  .rodata : {{ *(.rodata) }}
  .data : {{ *(.data) }}
  /DISCARD/ : {{ *(.note*) *(.comment) }}
}}
"""
        return linkers.linker_link(linker, self.arch, objects, output, script, *flags)


class Place:
    """Where a batch is linked: the base, and what follows from the layout."""

    def __init__(self, base, layout, text_number, random, toc=None):
        self.base, self.text = base, base + layout.sections[text_number]
        self.table, self.toc, self.low = base + layout.table, toc, random.randrange(4096)
