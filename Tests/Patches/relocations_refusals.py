"""What cannot be linked for other reasons than a value: each an error that says so."""

import struct

import pairs_elf as elf
import relocations_linkers as linkers
from relocations_linkers import apus_link
from relocations_table import some_base

# (assembly, lines for apus with {x} for the symbol's number, what is said or None)
CASES = {
    "x86_64": [
        (".quad x", [], "against x: the symbol has no address"),
        (".quad x", ["address {x} 5"], None),
        (".quad x", ["variable {x} 5"], "one of the two is thread-local"),
        (".weak x; .quad x", [], None),
        (".quad x@tpoff", ["thread 0", "address {x} 5"], "one of the two is thread-local"),
        (".quad x@tpoff", ["variable {x} 5"], "no fixed place from the thread pointer"),
        ("mov x@gottpoff(%rip), %rax", ["variable {x} 5"], "no fixed place from the thread pointer"),
        ("lea x@tlsgd(%rip), %rdi", ["variable {x} 5"], "module's number"),
        ("lea x@tlsld(%rip), %rdi", ["variable {x} 5"], "module's number"),
        (".byte 0x48, 0x8b, 5; .reloc ., R_X86_64_GOTPC32_TLSDESC, x - 4; .long 0", ["thread 0", "variable {x} 5"],
         "not one that this relocation belongs to"),
        ("nop; nop; .reloc .-2, R_X86_64_TLSDESC_CALL, x", ["thread 0", "variable {x} 5"], "not one that this relocation belongs to"),
        (".reloc ., R_X86_64_GOTPC32_TLSDESC, x - 4; .long 0", ["thread 0", "variable {x} 5"], "beyond its section"),
        (".comm x, 8, 8; .quad x", [], "x: it is in no section"),
        (".section .tbss, \"awT\", @nobits; .skip 8", [], ".tbss: a patch cannot bring thread-local variables"),
    ],
    "arm64": [
        ("bl x", [], "against x: the symbol has no address"),
        ("bl x", ["variable {x} 5"], "one of the two is thread-local"),
        ("adrp x0, :tlsdesc:x", ["variable {x} 5"], "no fixed place from the thread pointer"),
        ("adrp x0, :tlsgd:x", ["variable {x} 5"], "module's number"),
        (".comm x, 8, 8; .xword x", [], "x: it is in no section"),
    ],
    "ppc64le": [
        ("bl x", [], "against x: the symbol has no address"),
        ("addi 3, 13, x@tprel", ["address {x} 5"], "one of the two is thread-local"),
        ("addi 3, 13, x@tprel", ["variable {x} 5"], "no fixed place from the thread pointer"),
        ("addi 3, 2, x@got@tlsgd", ["variable {x} 5"], "module's number"),
    ],
}


def check_refusals(arch, directory, apus, random, checks):
    path = f"{directory}/{arch}-refusals.o"
    base = some_base(arch, random)
    for text, lines, wanted in CASES[arch]:
        found = linkers.assemble(arch, ".text\n" + text.replace("; ", "\n") + "\n", path)
        number = next((s.index for s in found.symbols if s.name == "x"), 0)
        said = apus_link(apus, path, path + ".apus", [f"base {base:#x}", *[line.replace("{x}", str(number)) for line in lines]])
        if wanted is None:
            value = 5 if lines else 0
            checks.that(not isinstance(said, str) and said.word(base) == value, lambda: f"{arch} `{text}`: {said}")
        else:
            checks.that(isinstance(said, str) and wanted in said, lambda: f"{arch} `{text}`, {lines}: no error but {said}")
    linkers.assemble(arch, ".text\n.balign 16\n.long 0\n", path)
    said = apus_link(apus, path, path + ".apus", [f"base {base + 16:#x}"])
    checks.that(isinstance(said, str) and "is no multiple of" in said, lambda: f"{arch}: a base within a page: {said}")
    # A field that is not wholly in its section.
    name = {"x86_64": "64", "arm64": "ABS64", "ppc64le": "ADDR64"}[arch]
    for offset in (1, 7, 8, 9, (1 << 64) - 4):
        found = linkers.assemble(arch, f".text\n.reloc 0, {linkers.PREFIX[arch]}{name}, x\n.quad 0\n", path)
        relocations = next(s for s in found.sections if s.kind == 4)
        with open(path, "r+b") as file:
            file.seek(40)
            headers, = struct.unpack("<Q", file.read(8))
            file.seek(headers + 64 * relocations.index + 24)
            start, = struct.unpack("<Q", file.read(8))
            file.seek(start)
            file.write(struct.pack("<Q", offset))
        number = next(s.index for s in elf.Object(path).symbols if s.name == "x")
        said = apus_link(apus, path, path + ".apus", [f"base {base:#x}", f"address {number} 5"])
        checks.that(isinstance(said, str) and "beyond its " in said, lambda: f"{arch}: a field of 8 bytes at {offset} of 8: {said}")
