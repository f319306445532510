"""Calls: directly as far as they reach, by veneers beyond and of other modules, to ppc64le's local entries; and sizes of symbols."""

import struct

import relocations_linkers as linkers
from relocations_linkers import LINKERS, MASK, Failure, apus_link, linker_link, signed
from relocations_table import some_base

# (an instruction, where its field begins, what a distance is counted from, the reach, the unit)
CALLS = {
    "x86_64": [("call {s}", 1, 5, 1 << 31, 1), ("jmp {s}", 1, 5, 1 << 31, 1), ("jne {s}", 2, 6, 1 << 31, 1)],
    "arm64": [("bl {s}", 0, 0, 1 << 27, 4), ("b {s}", 0, 0, 1 << 27, 4)],
    "ppc64le": [("bl {s}", 0, 0, 1 << 25, 4)],
}
NOP, RESTORE, SAVE = 0x60000000, 0xe8410018, 0xf8410018


def target(arch, linked, place, piece):
    """Where a call at an address goes."""
    _, field, end, _, unit = piece
    word, = struct.unpack("<I", linked.read(place + field, 4))
    bits = {"x86_64": 32, "arm64": 26, "ppc64le": 24}[arch]
    if arch == "ppc64le":
        word >>= 2
    return place + end + signed(word, bits) * unit & MASK


def veneer(arch, linked, place, toc=None):
    """(the address that a veneer jumps to, whether it keeps the TOC pointer); fails if it is none."""
    if arch == "x86_64":
        code = linked.read(place, 6)
        if code[:2] != b"\xff\x25":
            raise Failure(f"no veneer: {code.hex()}")
        return linked.word(place + 6 + struct.unpack_from("<i", code, 2)[0]), False
    words = struct.unpack("<5I", linked.read(place, 20))
    if arch == "arm64":
        adrp, load, jump = words[:3]
        if adrp & 0x9f00001f != 0x90000010 or load & 0xffc003ff != 0xf9400210 or jump != 0xd61f0200:
            raise Failure(f"no veneer: {words}")
        page = (place & ~0xfff) + (signed((adrp >> 5 & 0x7ffff) << 2 | adrp >> 29 & 3, 21) << 12)
        return linked.word(page + (load >> 10 & 0xfff) * 8), False
    keeps, high, low, move, jump = words
    if keeps not in (SAVE, NOP) or high >> 16 != 0x3d82 or low & 0xffff0003 != 0xe98c0000 or move != 0x7d8903a6 or jump != 0x4e800420:
        raise Failure(f"no veneer: {[hex(w) for w in words]}")
    return linked.word(toc + (signed(high, 16) << 16) + signed(low & 0xfffc, 16)), keeps == SAVE


def check_reach(arch, directory, apus, random, checks):
    """Each call at both ends of its reach, one beyond, at a random far place, and of another module nearby."""
    for number, piece in enumerate(CALLS[arch]):
        text, field, end, reach, unit = piece
        path = f"{directory}/{arch}-calls-{number}.o"
        found = linkers.assemble(arch, f".text\nnop\n{text.format(s='f')}\nnop\n{text.format(s='f')}\nnop\n", path)
        code = next(s for s in found.sections if s.name == ".text")
        sites = [r.offset - field for r in code.relocations]
        symbol = next(s.index for s in found.symbols if s.name == "f")
        base = some_base(arch, random) + (1 << 40)
        toc = base + 0x10000 + 0x8000
        for distance, imported in ((reach - unit, False), (reach - 2 * unit, False), (-reach, False), (reach, False), (reach + unit, False),
                                   (-reach - unit, False), (random.getrandbits(39) * 4, False), (0x100000, True)):
            for site in sites:
                goal = base + site + end + distance & MASK
                lines = [f"base {base:#x}", f"address {symbol} {goal:#x}", *([f"imported {symbol}"] if imported else [])]
                if arch == "ppc64le":
                    lines.append(f"toc {toc:#x}")
                linked = apus_link(apus, path, path + ".apus", lines)
                what = f"{arch} `{text}` {distance:#x}{' imported' if imported else ''}"
                if not checks.that(not isinstance(linked, str), lambda: f"{what}: {linked}"):
                    continue
                goes = target(arch, linked, base + site, piece)
                if -reach <= distance < reach and not imported:
                    checks.that(goes == goal, lambda: f"{what}: it goes to {goes:#x}")
                    continue
                try:
                    jumps, keeps = veneer(arch, linked, goes, toc)
                    behind, = struct.unpack("<I", linked.read(base + site + 4, 4))
                    checks.that(jumps == goal, lambda: f"{what}: its veneer jumps to {jumps:#x}")
                    checks.that(keeps == (arch == "ppc64le" and imported), f"{what}: keeping the TOC pointer: {keeps}")
                    if arch == "ppc64le":
                        checks.that(behind == (RESTORE if imported else NOP), f"{what}: {behind:#x} is behind it")
                except (Failure, struct.error, IndexError) as failure:
                    checks.that(False, f"{what}: {failure}")
        # What the object has itself gets no veneer: an absolute symbol too far away is an error.
        for distance in (reach, -reach - unit):
            goal = base + end + distance & MASK
            linkers.assemble(arch, f".text\n{text.format(s='f')}\nnop\n", path)
            linkers.set_absolute(path, "f", goal)
            said = apus_link(apus, path, path + ".apus", [f"base {base:#x}"])
            checks.that(isinstance(said, str) and "does not fit" in said and f".text + {field:#x}: " in said,
                        lambda: f"{arch} `{text}` to an absolute symbol {distance:#x}: no error that names it but {said}")


def check_pointers(arch, directory, apus, random, checks):
    """Distances to functions in data (`f@PLT - .`), as relative tables of virtual functions hold them.

    By a veneer too the addend counts from what stands for the function and is not the veneer's.
    """
    numbers = {"x86_64": 4, "arm64": 314}
    data = {"x86_64": ".long f - . + {}", "arm64": ".word f - . + {}"}
    if arch not in numbers:
        return
    path = f"{directory}/{arch}-pointers.o"
    found = linkers.assemble(arch, '.section .rodata\n' + "\n".join(data[arch].format(i) for i in (0, 4, 8, 12)) + "\n", path)
    found = linkers.set_types(path, {(".rodata", 4 * i): numbers[arch] for i in range(4)})
    section = next(s for s in found.sections if s.name == ".rodata")
    symbol = next(s.index for s in found.symbols if s.name == "f")
    for imported in (False, True):
        base = some_base(arch, random) + (1 << 40)
        goal = base + 0x123450 if imported else random.getrandbits(39)
        linked = apus_link(apus, path, path + ".apus", [f"base {base:#x}", f"address {symbol} {goal:#x}",
                                                        *([f"imported {symbol}"] if imported else [])])
        if not checks.that(not isinstance(linked, str), lambda: f"{arch} pointers: {linked}"):
            continue
        for index, addend in enumerate((0, 4, 8, 12)):
            place = base + linked.sections[section.index] + 4 * index
            value, = struct.unpack("<i", linked.read(place, 4))
            try:
                jumps, _ = veneer(arch, linked, place + value - addend)
                checks.that(jumps == goal, f"{arch} f - . + {addend}: the veneer jumps to {jumps:#x}, not {goal:#x}")
            except (Failure, struct.error, IndexError) as failure:
                checks.that(False, f"{arch} f - . + {addend}{' imported' if imported else ''}: {failure}")


def check_sizes(directory, apus, random, checks):
    """x86_64's sizes of symbols, at the ends of 32 bits."""
    path = f"{directory}/x86_64-sizes.o"
    for size, wide, fits in ((0, False, True), (0xffffffff, False, True), (random.getrandbits(32), False, True), (1 << 32, False, False),
                             (1 << 63, True, True), (MASK - 8, True, True), (1 << 40, True, True)):
        words = [".quad x@SIZE", ".quad x@SIZE + 5"] if wide else [".long x@SIZE"]
        text = [".text", ".globl x", "x:", f".size x, {size:#x}", *words, ".quad 0", ".quad 0"]
        found = linkers.assemble("x86_64", "\n".join(text), path)
        kinds = {r.type for s in found.sections for r in s.relocations}
        checks.that(kinds == {33 if wide else 32}, f"x86_64 SIZE: the types are {kinds}")
        base = some_base("x86_64", random)
        linked = apus_link(apus, path, path + ".apus", [f"base {base:#x}"])
        what = f"x86_64 SIZE{64 if wide else 32} {size:#x}"
        if not fits:
            checks.that(isinstance(linked, str) and ".text + 0x0: R_X86_64_SIZE32" in linked and "does not fit" in linked,
                        lambda: f"{what}: no error but {linked}")
        elif not checks.that(not isinstance(linked, str), lambda: f"{what}: {linked}"):
            continue
        for linker in LINKERS:
            image, said = linker_link(linker, "x86_64", [path], path + "." + linker, f"SECTIONS {{ .text {base:#x} : {{ *(.text) }} }}")
            # (lld takes sizes as signed.)
            if (linker, wide, fits, size >> 31) == ("lld", False, True, 1):
                checks.that(image is None, f"{what}: lld takes it, so it is no exception any more")
            elif checks.that((image is not None) == fits, lambda: f"{what}: {linker}: {said}") and fits:
                ours, theirs = linked.read(base, 16), image.read(base, 16)
                checks.that(ours == theirs, f"{what}: {ours.hex()}, {linker}: {theirs.hex()}")


def check_types(arch, rows, directory, apus, quick, checks):
    """All types but the table's are refused."""
    numbers = linkers.type_numbers(arch)
    tested = {row.patched if row.patched is not None else numbers[row.name] for row in rows}
    most = {"x86_64": 64, "arm64": 1100, "ppc64le": 256}[arch]
    others = set(numbers.values()) if quick else set(range(most)) | set(numbers.values())
    name = linkers.PREFIX[arch] + {"x86_64": "64", "arm64": "ABS64", "ppc64le": "ADDR64"}[arch]
    path = f"{directory}/{arch}-types.o"
    linkers.assemble(arch, f".text\n.reloc 0, {name}, x\n.quad 0\n", path)
    for number in sorted(others - tested):
        linkers.set_types(path, {(".text", 0): number})
        said = apus_link(apus, path, path + ".apus", [])
        checks.that(isinstance(said, str) and f"{number} of " in said and "not known" in said,
                    lambda: f"{arch}: apus knows the type {number} and no row tests it: {said}")


def check_ppc64le(directory, apus, random, checks):
    """Local entries, calls of other modules, the TOC pointer."""
    path = f"{directory}/ppc64le-entries.o"
    # The module's own function, and functions elsewhere with each kind of local entry, by all three linkers.
    own = "\n".join([".globl own", ".type own, @function", "own:", "addis 2, 12, .TOC. - own@ha", "addi 2, 2, .TOC. - own@l",
                     ".localentry own, . - own", "blr"])
    calls = [f"bl f{i}\nnop" for i in range(7)]
    found = linkers.assemble("ppc64le", "\n".join([".text", *calls, "bl own", "nop", "b own", own]), path)
    base = some_base("ppc64le", random)
    toc = base + 0x18000
    indices = {s.name: s.index for s in found.symbols}
    skips = {0: 0, 2: 4, 3: 8, 4: 16, 5: 32, 6: 64}
    there = base + 0x100000
    lines = [f"base {base:#x}", f"toc {toc:#x}", *[f"address {indices[f'f{i}']} {there + 256 * i:#x} {i << 5}" for i in skips],
             f"address {indices['f1']} {there + 256:#x} {1 << 5}"]
    linked = apus_link(apus, path, path + ".apus", lines)
    if not checks.that(not isinstance(linked, str), lambda: f"ppc64le entries: {linked}"):
        return
    # (f1 is another matter: it does not keep r2, and the linkers' stubs for it are theirs, so it is a plain function to them.)
    text = [".section .there, \"ax\""]
    for i in range(7):
        text += [".balign 256", f".globl f{i}", f".type f{i}, @function", f"f{i}:"]
        text += ["nop"] * (skips.get(i, 0) // 4) + ([f".localentry f{i}, . - f{i}"] if skips.get(i) else []) + ["blr"]
    linkers.assemble("ppc64le", "\n".join(text) + "\n", path + ".there.o")
    size = next(s.size for s in found.sections if s.name == ".text")
    ours = linked.read(base, size)
    for linker in LINKERS:
        symbols = f".TOC. = {toc:#x};" if linker == "ld" else ""
        script = f"""{symbols}
SECTIONS {{
  .text {base:#x} : {{ *(.text) }}
  .got {toc - 0x8000:#x} : {{ *(.got) *(.toc) }}
  .there {there:#x} : {{ *(.there) }}
}}
"""
        one = [path, path + ".there.o"]
        image, said = linker_link(linker, "ppc64le", one, path + "." + linker, script)
        if not checks.that(image is not None, lambda: f"ppc64le entries: {linker}: {said}"):
            continue
        for index in range(len(ours) // 4):
            if index in (2, 3):
                continue
            mine, theirs = ours[4 * index:4 * index + 4], image.read(base + 4 * index, 4)
            checks.that(mine == theirs, f"ppc64le entries, word {index}: {mine.hex()}, {linker}: {theirs.hex()}")
    piece = CALLS["ppc64le"][0]
    jumps, keeps = veneer("ppc64le", linked, target("ppc64le", linked, base + 8, piece), toc)
    behind, = struct.unpack_from("<I", ours, 12)
    checks.that((jumps, keeps, behind) == (there + 256, True, RESTORE), f"ppc64le, r2 not kept: {jumps:#x} {keeps} {behind:#x}")
    # A call of another module needs an instruction behind it that can load r2 again.
    for behind, fits in (("nop", True), ("ld 2, 24(1)", True), ("blr", False), ("mr 3, 4", False), ("", False)):
        for call in ("bl", "b"):
            found = linkers.assemble("ppc64le", f".text\n{call} f\n{behind}\n", path)
            symbol = next(s.index for s in found.symbols if s.name == "f")
            lines = [f"base {base:#x}", f"imported {symbol}", f"address {symbol} {base + 0x10000:#x}"]
            linked = apus_link(apus, path, path + ".apus", lines)
            what = f"ppc64le `{call} f; {behind}` of another module"
            if not fits or call == "b":
                checks.that(isinstance(linked, str) and ".text + 0x0: R_PPC64_REL24 against f" in linked and "no nop is behind" in linked,
                            lambda: f"{what}: no error but {linked}")
            elif checks.that(not isinstance(linked, str), lambda: f"{what}: {linked}"):
                restored, = struct.unpack("<I", linked.read(base + 4, 4))
                # Without a `toc` the part's own is used: its table's start and 0x8000.
                jumps, keeps = veneer("ppc64le", linked, target("ppc64le", linked, base, piece), base + linked.table + 0x8000)
                checks.that((restored, jumps, keeps) == (RESTORE, base + 0x10000, True), f"{what}: {restored:#x} {jumps:#x} {keeps}")


def check_calls(arch, rows, directory, apus, random, quick, checks):
    check_types(arch, rows, directory, apus, quick, checks)
    check_reach(arch, directory, apus, random, checks)
    check_pointers(arch, directory, apus, random, checks)
    if arch == "x86_64":
        check_sizes(directory, apus, random, checks)
    if arch == "ppc64le":
        check_ppc64le(directory, apus, random, checks)
