"""The rows of x86_64."""

from relocations_rows import Row, anything, either, only, signed, unsigned

# What ld takes and truncates: it lets all values of short fields pass whose upper bits are equal. (As lld, apus does not.)
SHORT = {"ld": {"below": "-2^16 and -2^8 and more are taken"}}
SHORT_DISTANCE = {"ld": {"below": "-2^16 and more is taken", "above": "a distance is taken as signed or not"}}
UNCHECKED = {linker: dict.fromkeys(("below", "above", "farBelow", "farAbove"), "rewritten without a look at the range")
             for linker in ("ld", "lld")}

ROWS = [
    Row("NONE", "nop; .reloc .-1, R_X86_64_NONE, {s}", "nothing", only(0)),
    Row("64", ".quad {s}", "absolute", anything()),
    Row("PC32", "lea {s}(%rip), %rax", "relative", signed(32)),
    Row("PC32", ".long {s} - .", "relative", signed(32)),
    Row("PLT32", "call {s}@PLT", "branch", signed(32)),
    Row("PLT32", "jne {s}", "branch", signed(32)),
    Row("32", "mov ${s}, %eax", "absolute", unsigned(32)),
    Row("32", ".long {s} + 5", "absolute", unsigned(32)),
    Row("32S", "mov ${s}, %rax", "absolute", signed(32)),
    Row("32S", "mov {s}(,%rdi,8), %rax", "absolute", signed(32)),
    Row("16", ".word {s}", "absolute", either(16), differs=SHORT),
    Row("PC16", ".word {s} - .", "relative", signed(16), differs=SHORT_DISTANCE),
    Row("8", ".byte {s}", "absolute", either(8), differs=SHORT),
    Row("PC8", ".byte {s} - .", "relative", signed(8)),
    Row("PC64", ".quad {s} - .", "relative", anything()),
    Row("GOTOFF64", "movabs ${s}@GOTOFF, %rax", "fromTable", anything()),
    Row("PLTOFF64", "movabs ${s}@PLTOFF, %rax", "fromTable", anything()),
    Row("GOTPC32", "lea _GLOBAL_OFFSET_TABLE_(%rip), %rax", "table", only(0)),
    Row("GOTPC32", "lea _GLOBAL_OFFSET_TABLE_+100(%rip), %rax", "table", only(0)),
    Row("GOTPC64", "movabs $_GLOBAL_OFFSET_TABLE_-.+2, %rax", "table", only(0)),
    Row("SIZE32", ".long {s}@SIZE", "size", unsigned(32)),
    Row("SIZE32", ".long {s}@SIZE + 4", "size", unsigned(32)),
    Row("SIZE64", ".quad {s}@SIZE", "size", anything()),
    Row("TPOFF32", "mov %fs:{s}@tpoff, %eax", "threadOffset", signed(32)),
    Row("TPOFF32", "lea {s}@tpoff+8(%rax), %rcx", "threadOffset", signed(32)),
    Row("TPOFF64", ".quad {s}@tpoff", "threadOffset", anything()),
    Row("GOTPC32_TLSDESC", "lea {s}@tlsdesc(%rip), %rax", "descriptor", signed(32), differs=UNCHECKED),
    Row("GOTPC32_TLSDESC", "lea {s}@tlsdesc(%rip), %r13", "descriptor", signed(32), differs=UNCHECKED),
    Row("TLSDESC_CALL", "call *{s}@tlscall(%rax)", "descriptor", only(0)),
    Row("DTPOFF32", "lea {s}@dtpoff(%rax), %rcx", "blockOffset", signed(32)),
    Row("DTPOFF64", ".quad {s}@dtpoff", "blockOffset", anything()),
    # By slots.
    Row("GOTPCREL", "push {s}@GOTPCREL(%rip)", "slot address", signed(32)),
    Row("GOTPCREL", ".long {s}@GOTPCREL", "slot address", signed(32)),
    Row("GOTPCRELX", "call *{s}@GOTPCREL(%rip)", "slot address", signed(32)),
    Row("GOTPCRELX", "mov {s}@GOTPCREL(%rip), %eax", "slot address", signed(32)),
    Row("REX_GOTPCRELX", "mov {s}@GOTPCREL(%rip), %rax", "slot address", signed(32)),
    Row("REX_GOTPCRELX", "cmp {s}@GOTPCREL(%rip), %r12", "slot address", signed(32)),
    Row("GOTPCREL64", ".quad {s}@GOTPCREL", "slot address", anything(), unknown=("lld",)),
    Row("GOT64", "movabs ${s}@GOT, %rax", "slotFromTable address", anything()),
    Row("GOTTPOFF", "mov {s}@gottpoff(%rip), %rax", "slot threadOffset", signed(32)),
    Row("GOTTPOFF", "add {s}@gottpoff(%rip), %r9", "slot threadOffset", signed(32)),
    Row("TLSGD", ".byte 0x66; lea {s}@tlsgd(%rip), %rdi; .word 0x6666; rex64; call __tls_get_addr@PLT", "slot variable",
        signed(32)),
    Row("TLSLD", "lea {s}@tlsld(%rip), %rdi; call __tls_get_addr@PLT", "slot block", signed(32)),
]
