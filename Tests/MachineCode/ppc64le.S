// Enters generated code with chosen registers, notes what it leaves. See runner.c; offsets are those of its struct state:
// r0 to r31, LR, CTR, XER, CR, then vs0 to vs63, then the address to enter.

  .machine power8
  .set special, 256
  .set vectors, 288
  .set entry, 1312

  .macro address register, symbol
    lis \register, \symbol@ha
    addi \register, \register, \symbol@l
  .endm

  // Loads or stores the vector registers; changes r11 and r12.
  .macro all_vectors operation, base, at
    addi 11, \base, \at
    .set i, 0
    .rept 64
      li 12, 16 * i
      \operation i, 11, 12
      .set i, i + 1
    .endr
  .endm

  .macro all operation, base, at, from, to
    .set i, \from
    .rept \to - \from + 1
      \operation i, \at + 8 * i(\base)
      .set i, i + 1
    .endr
  .endm

  // Notes all registers in a state; changes many.
  .macro note state
    std 3, -8(1)
    address 3, \state
    all std, 3, 0, 0, 31
    ld 4, -8(1)
    std 4, 24(3)
    mflr 4
    std 4, special(3)
    mfctr 4
    std 4, special + 8(3)
    mfxer 4
    std 4, special + 16(3)
    mfcr 4
    std 4, special + 24(3)
    all_vectors stxvd2x, 3, vectors
  .endm

  .bss
  .balign 16
host:
  .skip 256 + 1024

  // Where the linker is told to put it, so that the code's generator knows the addresses.
  .section .apus, "ax"

// The body of a function: notes the registers, and changes those that functions may, and the vector registers.
  .globl apus_body
apus_body:
  note apus_seen
  li 5, 1
noted:
  // A function may write words of its caller's frame: the link register's, the condition register's and r2's. Nothing below
  // the stack pointer is anybody's.
  mflr 0
  std 0, 16(1)
  li 0, -0x123
  std 0, 8(1)
  std 0, 24(1)
  .set n, 1
  .rept 36
    std 0, -8 * n(1)
    .set n, n + 1
  .endr
  address 3, apus_ran
  stw 5, 0(3)
  address 3, apus_result
  all_vectors lxvd2x, 3, vectors
  ld 0, special + 8(3)
  mtctr 0
  ld 0, special + 16(3)
  mtxer 0
  // All fields but 2 to 4.
  ld 0, special + 24(3)
  mtcrf 0xc7, 0
  ld 0, 16(1)
  mtlr 0
  ld 0, 0(3)
  all ld, 3, 0, 4, 12
  ld 3, 24(3)
  blr

// Where generated code returns to.
  .org 0x1000
  .globl apus_after
apus_after:
  note apus_end
  address 3, host
  all_vectors lxvd2x, 3, 256
  ld 1, 0(3)
  ld 2, 8(3)
  ld 0, 16(3)
  mtlr 0
  ld 0, 24(3)
  mtcr 0
  all ld, 3, 0, 14, 31
  blr

// void apus_enter(const struct state *): through the target register.
  .org 0x2000
  .globl apus_enter
  .type apus_enter, @function
apus_enter:
  address 4, host
  std 1, 0(4)
  std 2, 8(4)
  mflr 0
  std 0, 16(4)
  mfcr 0
  std 0, 24(4)
  all std, 4, 0, 14, 31
  all_vectors stxvd2x, 4, 256
  all_vectors lxvd2x, 3, vectors
  ld 0, special(3)
  mtlr 0
  ld 0, special + 8(3)
  mtctr 0
  ld 0, special + 16(3)
  mtxer 0
  ld 0, special + 24(3)
  mtcr 0
  ld 0, entry(3)
  mtspr 815, 0
  all ld, 3, 0, 0, 2
  all ld, 3, 0, 4, 12
  all ld, 3, 0, 14, 31
  ld 3, 24(3)
  bctar 20, 0

// The body by another name: what is jumped to instead.
  .org 0x3000
  .globl apus_elsewhere
apus_elsewhere:
  note apus_seen
  li 5, 2
  b noted

  .section .note.GNU-stack, "", %progbits
