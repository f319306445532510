"""The rows of ppc64le."""

from relocations_rows import Row, adjusted, anything, either, only, signed, STUB

# Marks on instructions of a sequence that linkers rewrite as a whole; alone they make no sense to them.
LINKERS = ("ld", "lld")
# An instruction takes its sixteen bits as signed; lld allows for data.
DATA = {"lld": {"above": "to 2^16 is taken"}}
FAR_AWAY = {linker: dict.fromkeys(("below", "above", "farBelow", "farAbove", "misaligned", "misaligned1"), STUB + " is made")
            for linker in LINKERS}

ROWS = [
    Row("NONE", "nop; .reloc .-4, R_PPC64_NONE, {s}", "nothing", only(0)),
    Row("ADDR64", ".quad {s}", "absolute", anything()),
    Row("ADDR32", ".long {s}", "absolute", either(32), differs={"ld": {"below": "-2^32 and more is taken"}}),
    Row("REL64", ".quad {s} - .", "relative", anything()),
    Row("REL32", ".long {s} - .", "relative", signed(32)),
    Row("REL24", "bl {s}", "branch", signed(26, 4)),
    Row("REL24", "b {s}", "branch", signed(26, 4)),
    Row("REL14", "bne {s}", "relative", signed(16, 4), differs=FAR_AWAY),
    Row("TOC", ".quad .TOC.@tocbase", "toc", only(0)),
    Row("TLS", "add 3, 9, {s}@tls", "nothing", only(0), unknown=LINKERS),
    Row("TLSGD", "nop; .reloc .-4, R_PPC64_TLSGD, {s}", "nothing", only(0), unknown=LINKERS),
    Row("TLSLD", "nop; .reloc .-4, R_PPC64_TLSLD, {s}", "nothing", only(0), unknown=LINKERS),
    Row("TOCSAVE", "std 2, 24(1); .reloc .-4, R_PPC64_TOCSAVE, {s}", "nothing", only(0), unknown=("lld",)),
    Row("ENTRY", "nop; .reloc .-4, R_PPC64_TOCSAVE, {s}", "nothing", only(0), unknown=LINKERS, patched=118),
    Row("TPREL64", ".quad {s}@tprel", "threadOffset", anything(), unknown=("lld",)),
    # (lld comes to grief over it in an executable, and in a library it is a dynamic relocation.)
    Row("DTPREL64", ".quad {s}@dtprel", "blockOffset", anything(), unknown=("lld",)),
    Row("ADDR16_HIGHER", "li 3, {s}@higher", "absolute", anything()),
    Row("ADDR16_HIGHERA", "li 3, {s}@highera", "absolute", anything()),
    Row("ADDR16_HIGHEST", "lis 3, {s}@highest", "absolute", anything()),
    Row("ADDR16_HIGHESTA", "lis 3, {s}@highesta", "absolute", anything()),
]


def halves(name, suffix, kind, parts):
    texts = {
        "": (f"addi 3, 4, {{s}}{suffix}", signed(16)),
        "_LO": (f"addi 3, 4, {{s}}{suffix}@l", anything()),
        "_HI": (f"addis 3, 4, {{s}}{suffix}@h", signed(32)),
        "_HA": (f"addis 3, 4, {{s}}{suffix}@ha", adjusted()),
        "_DS": (f"ld 3, {{s}}{suffix}(4)", signed(16, 4)),
        "_LO_DS": (f"ld 3, {{s}}{suffix}@l(4)", anything(4)),
    }
    data = kind in ("absolute", "fromTOC", "blockOffset")
    return [Row(name + part, texts[part][0], kind, texts[part][1], differs=DATA if data and not part else {}) for part in parts]


ALL = ("", "_LO", "_HI", "_HA", "_DS", "_LO_DS")
SIMPLE = ALL[:4]
ROWS += [
    *halves("ADDR16", "", "absolute", ALL),
    *halves("TOC16", "@toc", "fromTOC", ALL),
    Row("REL16", "addi 3, 4, {s}-.", "relative", signed(16), unknown=("lld",)),
    Row("REL16_LO", "addi 3, 4, {s}-.@l", "relative", anything()),
    Row("REL16_HI", "addis 3, 4, {s}-.@h", "relative", signed(32)),
    Row("REL16_HA", "addis 3, 4, {s}-.@ha", "relative", adjusted()),
    *halves("TPREL16", "@tprel", "threadOffset", ALL),
    *halves("DTPREL16", "@dtprel", "blockOffset", ALL),
    *halves("GOT16", "@got", "slot address", ALL),
    *halves("GOT_TLSGD16", "@got@tlsgd", "slot variable", SIMPLE),
    *halves("GOT_TLSLD16", "@got@tlsld", "slot block", SIMPLE),
    *halves("GOT_TPREL16", "@got@tprel", "slot threadOffset", ALL[2:]),
    *halves("GOT_DTPREL16", "@got@dtprel", "slot blockOffset", ALL[2:]),
]
