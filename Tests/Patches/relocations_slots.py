"""The table's rows that go by a slot of the global offset table, whose place and contents are compared too.

ld's and lld's tables are laid so that their only slot is where apus' is; then the fields are the same. Slots of thread-local variables
are those of a library, where the dynamic linker fills them in: what it would is what apus must have written.
"""

import struct

import relocations_linkers as linkers
from relocations_batch import BIAS, THREAD, Batch, Place, draw
from relocations_linkers import LINKERS, MASK, Failure, apus_link
from relocations_table import rows_of, some_base

# Dynamic relocations: the number of a variable's module, its offset in the module's block, its offset from the thread pointer.
DYNAMIC = {"x86_64": (16, 17, 18), "arm64": (1028, 1029, 1030), "ppc64le": (68, 78, 73)}
EXTRA = '.section .rodata\n.skip {}\n.section ".toc","aw"\n.quad 0\n'


class Slots:
    """The rows of one architecture whose slots hold the same kind of thing, all of one symbol."""

    def __init__(self, arch, content, rows, directory, apus, random, checks, name="slots", padding=64):
        self.arch, self.content, self.rows, self.apus, self.random, self.checks = arch, content, rows, apus, random, checks
        self.batch = Batch(arch, f"{name}-{content}", rows, directory, one_symbol=True, extra=EXTRA.format(padding))
        self.linkers = [linker for linker in LINKERS if linker not in rows[0].unknown]
        self.shared = content != "address"
        layout = apus_link(apus, self.batch.path, self.batch.path + ".layout", ["thread 0"])
        if isinstance(layout, str):
            raise Failure(layout)
        self.layout = layout
        slots = [offset for (_, _, what), offset in layout.slots.items() if what == content]
        if content == "address":
            slots = slots[:1]
        if len(slots) != 1:
            raise Failure(f"{arch} {content}: {layout.slots}")
        self.slot = slots[0]
        self.place = Place(some_base(arch, random), layout, self.batch.text.index, random)
        self.where = self.place.base + self.slot
        if arch == "ppc64le":
            self.place.toc = self.where - 8 + 0x8000
        self.value = random.getrandbits(64) if content == "address" else random.getrandbits(40)
        self.symbols = {"s0": ("tls" if self.shared else "address", self.value),
                        "__tls_get_addr": ("address", self.place.base + 0x1000)}

    def label(self, index):
        return f"{self.arch} {self.rows[index].name} `{self.rows[index].text}`"

    def bytes(self, source, index):
        """A row's bytes without other relocations' fields."""
        start, end = self.batch.ranges[index]
        data = bytearray(source.read(self.place.text + start, end - start))
        for relocation in self.batch.text.relocations:
            if start <= relocation.offset < end and relocation.offset != self.batch.relocations[index].offset:
                at = relocation.offset - start
                data[at:at + 4] = bytes(4)
        return bytes(data)

    def addend(self, index, value):
        """x86_64: what gives row `index` a value."""
        relocation, fixed = self.batch.relocations[index], self.place.table
        if self.rows[index].kind.startswith("slot "):
            fixed = self.place.text + relocation.offset
        return linkers.signed(value - self.where + fixed)

    def patched(self, addends, name):
        """The object with other addends, {row: addend}."""
        path = f"{self.batch.path}.{name}.o"
        with open(self.batch.path, "rb") as file:
            data = bytearray(file.read())
        table, = struct.unpack_from("<Q", data, 40)
        section = next(s for s in self.batch.object.sections if s.kind == 4 and s.info == self.batch.text.index)
        start, = struct.unpack_from("<Q", data, table + 64 * section.index + 24)
        by_offset = {self.batch.relocations[i].offset: a for i, a in addends.items()}
        for at in range(start, start + section.size, 24):
            offset, = struct.unpack_from("<Q", data, at)
            if offset in by_offset:
                struct.pack_into("<q", data, at + 16, by_offset[offset])
        with open(path, "wb") as file:
            file.write(data)
        return path

    def theirs(self, image, linker):
        """What a linker's slot holds, the dynamic linker's part done for module 1."""
        module, offset, thread = DYNAMIC[self.arch]
        words = []
        count = 2 if self.content in ("variable", "block") else 1
        for index in range(count):
            place = self.where + 8 * index
            kind, name, value, addend = image.dynamic.get(place, (None, "", 0, 0))
            if kind is None:
                words.append(image.word(place, ".got"))
            elif kind == module and index == 0 and count == 2:
                words.append(1)
            elif kind == offset and (index == 1 or count == 1):
                words.append(value + addend - BIAS[self.arch] & MASK)
            elif kind == thread and self.content == "threadOffset":
                words.append(value + addend + THREAD[self.arch] & MASK)
            else:
                words.append(f"{linker}'s dynamic relocation {kind}")
        return words

    def compare(self, name, path=None, rows=None, used=None, self_check=False):
        """All three linkers' bytes of the rows and the slot."""
        linked = self.batch.apus(self.apus, self.place, self.symbols, path=path)
        if not self.checks.that(not isinstance(linked, str), lambda: f"{self.arch} {self.content} {name}: {linked}"):
            return
        count = 2 if self.content in ("variable", "block") else 1
        mine = [linked.word(self.where + 8 * i) for i in range(count)]
        for linker in used or self.linkers:
            image, said = self.others(linker, path)
            if not self.checks.that(image is not None, lambda: f"{self.arch} {self.content} {name}: {linker}: {said[-3000:]}"):
                continue
            found = self.theirs(image, linker)
            self.checks.that(mine == found, lambda: f"{self.arch} {self.content} {name}: the slot holds {mine}, {linker}'s {found}")
            for index in rows if rows is not None else range(len(self.rows)):
                ours, other = self.bytes(linked, index), self.bytes(image, index)
                self.checks.that(ours == other, lambda: f"{self.label(index)} {name}: {ours.hex()}, {linker}: {other.hex()}")
                if self_check:
                    flipped = bytearray(ours)
                    flipped[self.batch.relocations[index].offset - self.batch.ranges[index][0]] ^= 8
                    self.checks.that(flipped != other, f"{self.label(index)} {name}: a changed bit was not seen")

    def others(self, linker, path=None, flags=()):
        symbols = dict(self.symbols)
        if self.arch == "ppc64le" and linker == "ld":
            symbols[".TOC."] = ("address", self.place.toc)
        return self.batch.others(linker, self.place, symbols, (*flags, *(["-shared", "-Bsymbolic"] if self.shared else [])),
                                 path=path, got=self.where)

    def refused(self, index, label, path=None):
        """That row `index` is an error."""
        said = self.batch.apus(self.apus, self.place, self.symbols, path=path)
        wanted = f".text + {self.batch.relocations[index].offset:#x}: {linkers.PREFIX[self.arch]}{self.rows[index].name} "
        words = "is no multiple of" if "misaligned" in label else "does not fit"
        self.checks.that(isinstance(said, str) and wanted in said and words in said,
                         lambda: f"{self.label(index)} {label}: no error that names it but {said}")


def x86_64(slots, quick, self_check):
    good_labels = ("zero", "least", "most", "random") if quick else ("zero", "one", "least", "most", "random", "random2", "random3")
    for label in good_labels:
        values = [draw(row.good.get(label, row.good["zero"]), slots.random) for row in slots.rows]
        slots.compare(label, slots.patched({i: slots.addend(i, v) for i, v in enumerate(values)}, label), self_check=self_check)
    for label in ("below", "above"):
        for index, row in enumerate(slots.rows):
            if label in row.bad:
                path = slots.patched({index: slots.addend(index, row.bad[label])}, label)
                slots.refused(index, label, path)
                for linker in slots.linkers:
                    image, _ = slots.others(linker, path)
                    slots.checks.that(image is None, lambda: f"{slots.label(index)} {label}: {linker} takes it")


def ppc64le(arch, content, rows, directory, apus, random, quick, self_check, checks):
    """Rows by the distance from the TOC pointer, which is chosen so that a value results.

    lld lets it stand where it always is, behind its table's start; GNU ld takes another place from the symbol.
    """
    usual = Slots(arch, content, rows, directory, apus, random, checks)
    usual.compare("usual", self_check=self_check)
    for index, row in enumerate(rows):
        slots = Slots(arch, content, [row], directory, apus, random, checks, name=f"slots-{index}")
        for label in ("least", "most", "random") if quick else ("zero", "one", "least", "most", "random", "random2"):
            slots.place.toc = slots.where - draw(row.good.get(label, row.good["zero"]), random) & MASK
            slots.compare(label, used=("ld",), self_check=self_check)
        for label in ("below", "above", "misaligned"):
            if label in row.bad:
                slots.place.toc = slots.where - row.bad[label] & MASK
                slots.refused(0, label)
                image, _ = slots.others("ld")
                checks.that(image is None, lambda: f"{slots.label(0)} {label}: ld takes it")


def arm64_far(rows, directory, apus, random, self_check, checks):
    """A literal that is as far from its slot as it can be, and four bytes farther; the last slot that fifteen bits reach."""
    literal = next(row for row in rows if row.name == "GOT_LD_PREL19")
    for label, pad in (("most", 0x8), ("above", 0)):
        padding = (1 << 20) - 0x10000
        row = type(literal)(literal.name, "; ".join(["nop"] * (pad // 4) + [literal.text]), literal.kind, (literal.good, literal.bad))
        slots = Slots("arm64", "address", [row], directory, apus, random, checks, name=f"slots-{label}", padding=padding)
        distance = slots.where - slots.place.text - slots.batch.relocations[0].offset
        checks.that(distance == (1 << 20) - pad, f"arm64 {label}: the distance is {distance:#x}")
        if label == "most":
            slots.compare(label, self_check=self_check)
        else:
            slots.refused(0, label)
            for linker in LINKERS:
                image, _ = slots.others(linker)
                checks.that(image is None, lambda: f"arm64 {literal.name} {label}: {linker} takes it")
    for last in (4095 - 8, 4095 - 7):
        text = EXTRA.format(64) + ".text\n" + "".join(f"ldr x0, [x0, :gotpage_lo15:s{i}]\n" for i in range(last + 1))
        path = f"{directory}/arm64-pages-{last}.o"
        found = linkers.assemble("arm64", text, path)
        base = some_base("arm64", random)
        lines = [f"base {base:#x}", *[f"address {s.index} {1000 + s.index}" for s in found.symbols if s.name.startswith("s")]]
        linked = apus_link(apus, path, path + ".apus", lines)
        if last == 4095 - 7:
            checks.that(isinstance(linked, str) and f".text + {4 * last:#x}: R_AARCH64_LD64_GOTPAGE_LO15 " in linked
                        and "does not fit" in linked, lambda: f"arm64 LD64_GOTPAGE_LO15: no error but {linked}")
        elif checks.that(not isinstance(linked, str), lambda: f"arm64 LD64_GOTPAGE_LO15: {linked}"):
            page = base + linked.table & ~0xfff
            numbers = {s.name: s.index for s in found.symbols}
            for index in range(last + 1):
                word, = struct.unpack("<I", linked.read(base + 4 * index, 4))
                slot = page + 8 * (word >> 10 & 0xfff)
                checks.that(word & 0xffc003ff == 0xf9400000 and linked.word(slot) == 1000 + numbers[f"s{index}"],
                            lambda: f"arm64 LD64_GOTPAGE_LO15 {index}: {word:#x}")


def check_slots(arch, directory, apus, random, quick, self_check, checks):
    groups = {}
    for row in rows_of(arch):
        if row.kind.startswith("slot"):
            groups.setdefault((row.kind.split()[1], row.unknown), []).append(row)
    for (content, unknown), rows in groups.items():
        name = "-".join(["slots", *sorted(unknown)])
        if arch == "ppc64le":
            ppc64le(arch, content, rows, directory, apus, random, quick, self_check, checks)
            continue
        slots = Slots(arch, content, rows, directory, apus, random, checks, name=name)
        if arch == "x86_64":
            x86_64(slots, quick, self_check)
        else:
            slots.compare("usual", self_check=self_check)
            if content == "address":
                arm64_far(rows, directory, apus, random, self_check, checks)
