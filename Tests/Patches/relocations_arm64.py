"""The rows of arm64."""

from relocations_rows import Row, anything, either, only, signed, unsigned

LOADS = {8: "ldrb w0", 16: "ldrh w0", 32: "ldr w0", 64: "ldr x0", 128: "ldr q0"}
RANDOM = ("random", "random2", "random3")
# The ABI's 5.7.5 lets these be signed or unsigned.
UNSIGNED = {"ld": dict.fromkeys(("least", *RANDOM), "ld takes it as unsigned")}
SIGNED = {"ld": dict.fromkeys(("most", *RANDOM), "ld takes it as signed")}
# The two lowest bits of a branch's distance must be zero: no instruction is elsewhere.
CUT = dict.fromkeys(("misaligned", "misaligned1"), "cut off without a look")
UNCHECKED = {"ld": dict.fromkeys(("below", "above", "farBelow", "farAbove"), "rewritten without a look at the range")}

ROWS = [
    Row("NONE", "nop; .reloc .-4, R_AARCH64_NONE, {s}", "nothing", only(0)),
    Row("NONE", "nop; .reloc .-4, R_AARCH64_NONE, {s}", "nothing", only(0), patched=256, unknown=("ld", "lld")),
    Row("ABS64", ".xword {s}", "absolute", anything()),
    Row("ABS32", ".word {s}", "absolute", either(32), differs=UNSIGNED),
    Row("ABS16", ".hword {s}; .hword 0", "absolute", either(16), differs=UNSIGNED),
    Row("PREL64", ".xword {s} - .", "relative", anything()),
    Row("PREL32", ".word {s} - .", "relative", either(32), differs=SIGNED),
    Row("PREL16", ".hword {s} - .; .hword 0", "relative", either(16), differs=SIGNED),
    Row("GOTREL64", ".reloc ., R_AARCH64_ABS64, {s}; .xword 0", "fromTable", anything(), unknown=("ld", "lld"), patched=307),
    Row("GOTREL32", ".reloc ., R_AARCH64_ABS32, {s}; .word 0", "fromTable", signed(32), unknown=("ld", "lld"), patched=308),
    Row("PLT32", ".reloc ., R_AARCH64_ABS32, {s}; .word 0", "branch", signed(32), unknown=("ld",), patched=314,
        differs={"lld": {"most": "lld counts as for instructions, in fours, and takes a thunk for the last three bytes"}}),
    Row("LD_PREL_LO19", "ldr x0, {s}", "relative", signed(21, 4)),
    Row("ADR_PREL_LO21", "adr x0, {s}", "relative", signed(21)),
    Row("ADR_PREL_PG_HI21", "adrp x0, {s}", "page", signed(33, 4096)),
    Row("ADR_PREL_PG_HI21_NC", "adrp x0, :pg_hi21_nc:{s}", "page", anything(4096)),
    Row("ADD_ABS_LO12_NC", "add x0, x0, :lo12:{s}", "absolute", anything()),
    *[Row(f"LDST{bits}_ABS_LO12_NC", f"{load}, [x1, :lo12:{{s}}]", "absolute", anything(bits // 8)) for bits, load in LOADS.items()],
    Row("TSTBR14", "tbz x0, 5, {s}", "relative", signed(16, 4), differs={"ld": CUT, "lld": CUT}),
    Row("CONDBR19", "b.ne {s}", "relative", signed(21, 4), differs={"ld": CUT}),
    Row("CONDBR19", "cbz x9, {s}", "relative", signed(21, 4), differs={"ld": CUT}),
    Row("JUMP26", "b {s}", "branch", signed(28, 4)),
    Row("CALL26", "bl {s}", "branch", signed(28, 4)),
    *[Row(f"MOVW_UABS_G{i}", f"movz x7, #:abs_g{i}:{{s}}", "absolute", unsigned(16 * (i + 1)) if i < 3 else anything())
      for i in range(4)],
    *[Row(f"MOVW_UABS_G{i}_NC", f"movk x7, #:abs_g{i}_nc:{{s}}", "absolute", anything()) for i in range(3)],
    *[Row(f"MOVW_SABS_G{i}", f"movz x7, #:abs_g{i}_s:{{s}}", "absolute", signed(16 * (i + 1) + 1)) for i in range(3)],
]

for model, what, kind, short in (("TLSLE", "TPREL", "threadOffset", "tprel"), ("TLSLD", "DTPREL", "blockOffset", "dtprel")):
    # lld knows those only that compilers use.
    lacks = {"TLSLE": (), "TLSLD": ("lld",)}[model]
    ROWS += [
        Row(f"{model}_ADD_{what}_HI12", f"add x0, x0, #:{short}_hi12:{{s}}, lsl #12", kind, unsigned(24), unknown=lacks),
        Row(f"{model}_ADD_{what}_LO12", f"add x0, x0, #:{short}_lo12:{{s}}", kind, unsigned(12), unknown=("lld",)),
        Row(f"{model}_ADD_{what}_LO12_NC", f"add x0, x0, #:{short}_lo12_nc:{{s}}", kind, anything(), unknown=lacks),
    ]
    for bits, load in LOADS.items():
        for nc, values in (("", unsigned(12, bits // 8)), ("_nc", anything(bits // 8))):
            name = f"{model}_LDST{bits}_{what}_LO12{nc.upper()}"
            unknown = lacks if nc else ("lld",)
            if bits < 128:
                ROWS.append(Row(name, f"{load}, [x1, #:{short}_lo12{nc}:{{s}}]", kind, values, unknown=unknown))
            else:  # GNU as has no such operand.
                number = {"TLSLE": 570, "TLSLD": 572}[model] + (nc != "")
                ROWS.append(Row(name, f"ldr q0, [x1]; .reloc .-4, R_AARCH64_{model}_LDST64_{what}_LO12, {{s}}", kind, values,
                                unknown=("ld", *unknown), patched=number))

ROWS += [
    Row("TLSDESC_ADR_PAGE21", "adrp x0, :tlsdesc:{s}", "descriptor", unsigned(32), differs=UNCHECKED),
    Row("TLSDESC_LD64_LO12", "ldr x1, [x0, :tlsdesc_lo12:{s}]", "descriptor", unsigned(32), differs=UNCHECKED),
    Row("TLSDESC_ADD_LO12", "add x0, x0, :tlsdesc_lo12:{s}", "descriptor", only(0)),
    Row("TLSDESC_CALL", ".tlsdesccall {s}; blr x1", "descriptor", only(0)),
    Row("GOT_LD_PREL19", "ldr x0, :got:{s}", "slot address", signed(21, 8)),
    Row("ADR_GOT_PAGE", "adrp x0, :got:{s}", "slot address", only(0)),
    Row("LD64_GOT_LO12_NC", "ldr x0, [x0, :got_lo12:{s}]", "slot address", only(0)),
    Row("LD64_GOTPAGE_LO15", "ldr x0, [x0, :gotpage_lo15:{s}]", "slotFromTable address", unsigned(15, 8)),
    Row("TLSGD_ADR_PAGE21", "adrp x0, :tlsgd:{s}", "slot variable", only(0), unknown=("lld",)),
    Row("TLSGD_ADD_LO12_NC", "add x0, x0, :tlsgd_lo12:{s}", "slot variable", only(0), unknown=("lld",)),
    Row("TLSLD_ADR_PAGE21", "adrp x0, :tlsldm:{s}", "slot block", only(0), unknown=("lld",)),
    Row("TLSLD_ADD_LO12_NC", "add x0, x0, :tlsldm_lo12_nc:{s}", "slot block", only(0), unknown=("lld",)),
    Row("TLSIE_ADR_GOTTPREL_PAGE21", "adrp x0, :gottprel:{s}", "slot threadOffset", only(0)),
    Row("TLSIE_LD64_GOTTPREL_LO12_NC", "ldr x0, [x0, :gottprel_lo12:{s}]", "slot threadOffset", only(0)),
]
