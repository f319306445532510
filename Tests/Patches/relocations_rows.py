"""What a row of the table is: a relocation type, an instruction that has it, and the values to try."""

# In the reasons of exceptions: the linker goes around.
STUB = "a stub"


class Row:
    """One type of relocation.

    text: assembly with {s} for the symbol; `.reloc` in it may stand for what no assembler mnemonic gives.
    kind: what it computes, by which the symbol is chosen so that a wanted value results.
    good, bad: {label: value}; values as the type's definition computes them, before the shift.
    unknown: the linkers that do not know the type.
    differs: {linker: {label: why}}: bad values that a linker takes all the same, or good ones that it does not.
    patched: the type's number, where the assembler has no name for it; the text has another type then.
    """

    def __init__(self, name, text, kind, values, unknown=(), differs=None, patched=None):
        self.name, self.text, self.kind, self.unknown = name, text, kind, frozenset(unknown)
        self.good, self.bad = values
        if kind == "page":  # Differences of pages are whole pages.
            self.bad = {label: value for label, value in self.bad.items() if "misaligned" not in label}
        self.differs = differs or {}
        self.patched = patched


def spans(least, most, step):
    """Values of a range: a random one is named by what it may be."""
    good = {"zero": 0, "one": step, "least": least, "most": most}
    for name in ("random", "random2", "random3"):
        good[name] = (least, most, step)
    bad = {"below": least - step, "above": most + step, "farBelow": -(1 << 62), "farAbove": 1 << 62}
    if step > 1:
        bad["misaligned"] = step // 2
        bad["misaligned1"] = step + 1
    return {k: v for k, v in good.items() if not isinstance(v, int) or least <= v <= most}, bad


def signed(bits, step=1):
    return spans(-(1 << (bits - 1)), (1 << (bits - 1)) - step, step)


def unsigned(bits, step=1):
    return spans(0, (1 << bits) - step, step)


def either(bits):
    return spans(-(1 << (bits - 1)), (1 << bits) - 1, 1)


def anything(step=1):
    good, bad = spans(-(1 << 63), (1 << 63) - step, step)
    for label in ("below", "above", "farBelow", "farAbove"):
        del bad[label]
    return good, bad


def adjusted():
    """The upper halves that allow for the lower one's sign: half of 65536 is added before the check."""
    return spans(-(1 << 31) - 0x8000, (1 << 31) - 0x8001, 1)


def only(good):
    return {"zero": good}, {}
