// Enters generated code with chosen registers, notes what it leaves. See runner.c; offsets are those of its struct state:
// x0 to x30, sp, then q0 to q31, then the address to enter.

  // Where the linker is told to put it, so that the code's generator knows the addresses.
  .section .apus, "ax"

  // Notes the vector registers in the state at x0.
  .macro store_vectors
  .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    store_pair \n, %(\n + 1)
  .endr
  .endm

  .altmacro
  .macro store_pair a, b
    stp q\a, q\b, [x0, #256 + 16 * \a]
  .endm
  .macro load_pair a, b
    ldp q\a, q\b, [x0, #256 + 16 * \a]
  .endm
  .macro load_vectors
  .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    load_pair \n, %(\n + 1)
  .endr
  .endm

  // Notes all registers in a state; changes x0 and x1.
  .macro note state
    stp x0, x1, [sp, #-16]!
    adrp x0, \state
    add x0, x0, :lo12:\state
    stp x2, x3, [x0, #16]
    stp x4, x5, [x0, #32]
    stp x6, x7, [x0, #48]
    stp x8, x9, [x0, #64]
    stp x10, x11, [x0, #80]
    stp x12, x13, [x0, #96]
    stp x14, x15, [x0, #112]
    stp x16, x17, [x0, #128]
    stp x18, x19, [x0, #144]
    stp x20, x21, [x0, #160]
    stp x22, x23, [x0, #176]
    stp x24, x25, [x0, #192]
    stp x26, x27, [x0, #208]
    stp x28, x29, [x0, #224]
    str x30, [x0, #240]
    ldp x1, x2, [sp], #16
    stp x1, x2, [x0]
    mov x1, sp
    str x1, [x0, #248]
    store_vectors
  .endm

// The body of a function: notes the registers, and changes those that functions may, and the vector registers.
  .globl apus_body
apus_body:
  note apus_seen
  mov w2, #1
noted:
  // Nothing below the stack pointer is anybody's.
  stp x1, x1, [sp, #-16]
  stp x1, x1, [sp, #-32]
  stp x1, x1, [sp, #-48]
  stp x1, x1, [sp, #-64]
  stp x1, x1, [sp, #-80]
  stp x1, x1, [sp, #-96]
  stp x1, x1, [sp, #-112]
  stp x1, x1, [sp, #-128]
  adrp x0, apus_ran
  str w2, [x0, #:lo12:apus_ran]
  adrp x0, apus_result
  add x0, x0, :lo12:apus_result
  load_vectors
  ldp x2, x3, [x0, #16]
  ldp x4, x5, [x0, #32]
  ldp x6, x7, [x0, #48]
  ldp x8, x9, [x0, #64]
  ldp x10, x11, [x0, #80]
  ldp x12, x13, [x0, #96]
  ldp x14, x15, [x0, #112]
  ldp x16, x17, [x0, #128]
  ldp x0, x1, [x0]
  cmn sp, #1
  ret

// Where generated code returns to.
  .org 0x1000
  .globl apus_after
apus_after:
  note apus_end
  adrp x0, apus_saved
  add x0, x0, :lo12:apus_saved
  ldr x1, [x0, #96]
  mov sp, x1
  ldp x19, x20, [x0]
  ldp x21, x22, [x0, #16]
  ldp x23, x24, [x0, #32]
  ldp x25, x26, [x0, #48]
  ldp x27, x28, [x0, #64]
  ldp x29, x30, [x0, #80]
  ldp d8, d9, [x0, #112]
  ldp d10, d11, [x0, #128]
  ldp d12, d13, [x0, #144]
  ldp d14, d15, [x0, #160]
  ret

// void apus_enter(const struct state *): through x17, which the code entered sets itself.
  .org 0x2000
  .globl apus_enter
apus_enter:
  adrp x1, apus_saved
  add x1, x1, :lo12:apus_saved
  stp x19, x20, [x1]
  stp x21, x22, [x1, #16]
  stp x23, x24, [x1, #32]
  stp x25, x26, [x1, #48]
  stp x27, x28, [x1, #64]
  stp x29, x30, [x1, #80]
  mov x2, sp
  str x2, [x1, #96]
  stp d8, d9, [x1, #112]
  stp d10, d11, [x1, #128]
  stp d12, d13, [x1, #144]
  stp d14, d15, [x1, #160]
  ldr x1, [x0, #248]
  mov sp, x1
  load_vectors
  ldp x2, x3, [x0, #16]
  ldp x4, x5, [x0, #32]
  ldp x6, x7, [x0, #48]
  ldp x8, x9, [x0, #64]
  ldp x10, x11, [x0, #80]
  ldp x12, x13, [x0, #96]
  ldp x14, x15, [x0, #112]
  ldr x16, [x0, #128]
  ldp x18, x19, [x0, #144]
  ldp x20, x21, [x0, #160]
  ldp x22, x23, [x0, #176]
  ldp x24, x25, [x0, #192]
  ldp x26, x27, [x0, #208]
  ldp x28, x29, [x0, #224]
  adr x30, apus_after
  ldr x17, [x0, #768]
  ldp x0, x1, [x0]
  br x17

// The body by another name: what is jumped to instead.
  .org 0x3000
  .globl apus_elsewhere
apus_elsewhere:
  note apus_seen
  mov w2, #2
  b noted

  .section .note.GNU-stack, "", %progbits
