"""The table of relocation types: each at its boundary values, by apus, GNU ld and lld."""

import importlib
import re

import relocations_linkers as linkers
from relocations_batch import THREADED, Batch, Place, draw
from relocations_linkers import LINKERS, Failure, apus_link
from relocations_rows import STUB

ADDRESSES = {"x86_64": (0x10000, 1 << 47), "arm64": (0x10000, 1 << 48), "ppc64le": (0x10000, 1 << 46)}


def rows_of(arch):
    return importlib.import_module("relocations_" + arch).ROWS


def some_base(arch, random):
    least, most = ADDRESSES[arch]
    return random.randrange(least, most, 0x10000)


class Checks:
    """Counts, and gathers what failed."""

    def __init__(self):
        self.passed, self.failures = 0, []

    def that(self, condition, what):
        if condition:
            self.passed += 1
        else:
            self.failures.append(what() if callable(what) else what)
        return condition


class Direct:
    """The rows of one architecture whose field is computed from the symbol itself, that the same linkers know."""

    def __init__(self, arch, rows, name, directory, apus, random, checks):
        self.arch, self.rows, self.apus, self.random, self.checks = arch, rows, apus, random, checks
        extra = '.section ".toc","aw"\n.quad 0' if arch == "ppc64le" else ""
        # (ld asserts that no such relocation is in code.)
        section = ".rows" if (arch, rows[0].name) == ("x86_64", "DTPOFF64") else ".text"
        self.batch = Batch(arch, name, rows, directory, extra=extra, section=section)
        self.threaded = rows[0].kind in THREADED
        self.flags = ["-shared", "-Bsymbolic"] if "block" in name else []
        self.layout = apus_link(apus, self.batch.path, self.batch.path + ".layout", ["thread 0"])
        if isinstance(self.layout, str):
            raise Failure(self.layout)
        self.linkers = [linker for linker in LINKERS if linker not in rows[0].unknown]

    def place(self):
        base = some_base(self.arch, self.random)
        toc = None
        if self.arch == "ppc64le":  # (ld rounds it up to a multiple of 256.)
            toc = (base + self.layout.table + 0x80ff & ~0xff) + 256 * self.random.randrange(64)
        return Place(base, self.layout, self.batch.text.index, self.random, toc)

    def symbols(self, values, place):
        result = {"__tls_get_addr": ("address", place.base + 0x1000)}
        for index, value in enumerate(values):
            symbol = self.batch.symbol(index, value, place)
            if symbol is not None:
                result[f"s{index}"] = ("tls" if self.threaded else "address", symbol)
        return result

    def row_bytes(self, source, index, place):
        """A row's bytes but for the fields of other relocations than its own."""
        start, end = self.batch.ranges[index]
        data = bytearray(source.read(place.text + start, end - start))
        for relocation in self.batch.text.relocations:
            if start <= relocation.offset < end and relocation is not self.batch.relocations[index] \
                    and relocation.offset != self.batch.relocations[index].offset:
                at = relocation.offset - start
                data[at:at + 4] = bytes(4)
        return bytes(data)

    def label(self, index):
        row = self.rows[index]
        return f"{self.arch} {row.name} `{row.text}`"

    def good_round(self, label, broken=None):
        """Links with each row's value of that name and compares; with `broken`, that row's first bit is turned around in our bytes."""
        place = self.place()
        values = [draw(row.good.get(label, row.good["zero"]), self.random) for row in self.rows]
        linked = self.batch.apus(self.apus, place, self.symbols(values, place))
        if not self.checks.that(not isinstance(linked, str), lambda: f"{self.arch} {label}: {linked}"):
            return {}
        ours = [self.row_bytes(linked, i, place) for i in range(len(self.rows))]
        found = {}
        for linker in self.linkers:
            theirs = [v if label not in r.differs.get(linker, {}) else draw(r.good["zero"], self.random)
                      for r, v in zip(self.rows, values)]
            image, said = self.batch.others(linker, place, self.symbols(theirs, place), self.flags)
            if not self.checks.that(image is not None, lambda: f"{self.arch} {label}: {linker}: {said[-3000:]}"):
                continue
            for index, row in enumerate(self.rows):
                if label in row.good and theirs[index] == values[index]:
                    found.setdefault(index, []).append((linker, ours[index], self.row_bytes(image, index, place), values[index]))
        if not self.linkers:
            for index, row in enumerate(self.rows):
                found[index] = [("the ABI", ours[index], self.computed(index, values[index]), values[index])]
        return found

    def computed(self, index, value):
        """What the ABI says, where no linker knows the type: whole words, or nothing."""
        start, end = self.batch.ranges[index]
        data, at = bytearray(self.batch.text.data[start:end]), self.batch.relocations[index].offset - start
        if self.rows[index].kind == "fromTable":
            width = 8 if self.rows[index].name.endswith("64") else 4
            data[at:at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        elif "_LDST128_" in self.rows[index].name:
            word = int.from_bytes(data[at:at + 4], "little") | (value & 0xff0) >> 4 << 10
            data[at:at + 4] = word.to_bytes(4, "little")
        return bytes(data)

    def check_good(self, label, self_check):
        for index, compared in self.good_round(label).items():
            for linker, ours, theirs, value in compared:
                self.checks.that(ours == theirs, lambda: f"{self.label(index)} {label} {value:#x}: {ours.hex()}, {linker}: {theirs.hex()}")
                if self_check:
                    at = self.batch.relocations[index].offset - self.batch.ranges[index][0]
                    flipped = bytearray(ours)
                    flipped[at] ^= 1
                    self.checks.that(bytes(flipped) != theirs, f"{self.label(index)} {label}: a changed bit was not seen")

    def check_good_exceptions(self, label):
        """Values that fit and that a linker is said not to take: it must not."""
        for linker in self.linkers:
            excepted = [i for i, row in enumerate(self.rows) if label in row.good and label in row.differs.get(linker, {})]
            for index in excepted:
                place = self.place()
                values = [draw(row.good["zero"], self.random) for row in self.rows]
                values[index] = self.rows[index].good[label]
                symbols = self.symbols(values, place)
                linked = self.batch.apus(self.apus, place, symbols)
                image, _ = self.batch.others(linker, place, symbols, self.flags)
                same = image is not None and not isinstance(linked, str) \
                    and self.row_bytes(linked, index, place) == self.row_bytes(image, index, place)
                self.checks.that(not same, lambda: f"{self.label(index)} {label}: {linker} takes it, so it is no exception any more")

    def check_bad(self, label):
        """Each row's value by itself: an error of ours. All together: errors of ld and lld."""
        place = self.place()
        good = [draw(row.good["zero"], self.random) for row in self.rows]
        bad = [row.bad.get(label) for row in self.rows]
        for index, value in enumerate(bad):
            if value is None or self.rows[index].kind == "branch" and "misaligned" not in label:
                continue  # (Calls of undefined functions go by veneers then.)
            values = good[:index] + [value] + good[index + 1:]
            said = self.batch.apus(self.apus, place, self.symbols(values, place))
            name = linkers.PREFIX[self.arch] + self.rows[index].name
            place_name = f"{self.batch.section} + {self.batch.relocations[index].offset:#x}: {name} "
            words = "is no multiple of" if "misaligned" in label else "does not fit"
            self.checks.that(isinstance(said, str) and place_name in said and words in said,
                             lambda: f"{self.label(index)} {label} {value:#x}: no error that names it but {said}")
        for linker in self.linkers:
            # (What goes by stubs is left out, for these move what stands behind them.)
            bad = [None if row.kind == "branch" or STUB in row.differs.get(linker, {}).get(label, "") else row.bad.get(label)
                   for row in self.rows]
            values = [g if b is None else b for g, b in zip(good, bad)]
            image, said = self.batch.others(linker, place, self.symbols(values, place), (*self.flags, "--noinhibit-exec", "--verbose"))
            refused = {int(at, 16) for at in re.findall(r"\(\.\w+\+(0x[0-9a-f]+)\)", said)}
            for index, row in enumerate(self.rows):
                if bad[index] is None:
                    continue
                start, end = self.batch.ranges[index]
                refuses = any(start <= at < end for at in refused)
                excepted = label in row.differs.get(linker, {})
                self.checks.that(refuses != excepted, lambda: f"{self.label(index)} {label} {bad[index]:#x}: {linker} "
                                 + ("refuses it, so it is no exception any more" if refuses else "takes it"))


def direct_groups(arch):
    """Lists of rows that can be linked together: of one way of linking, known to the same linkers."""
    groups = {}
    for row in rows_of(arch):
        if row.kind.startswith("slot") or row.kind == "size":
            continue
        way = "thread" if row.kind in THREADED else "plain"
        if row.kind == "blockOffset" and row.name != "DTPREL64":
            way = "block" + row.name * (row.name == "DTPOFF64")
        groups.setdefault((way, tuple(sorted(row.unknown))), []).append(row)
    return groups


def check_direct(arch, directory, apus, random, quick, self_check, checks):
    for (way, unknown), rows in direct_groups(arch).items():
        name = "-".join([way, *unknown])
        direct = Direct(arch, rows, name, directory, apus, random, checks)
        for label in ("zero", "one", "least", "most", "random", *(() if quick else ("random2", "random3"))):
            direct.check_good(label, self_check)
        for label in ("least", "most"):
            direct.check_good_exceptions(label)
        for label in ("below", "above", "misaligned", *(() if quick else ("farBelow", "farAbove", "misaligned1"))):
            direct.check_bad(label)
