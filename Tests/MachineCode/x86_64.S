// Enters generated code with chosen registers, notes what it leaves. See runner.c; offsets are those of its struct state:
// the general registers in the order of their numbers (rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15), then xmm0 to
// xmm15, then the address to enter.

  .set vectors, 128
  .set entry, 384

  .bss
  .balign 16
host:
  .skip 64
target:
  .skip 8

  // Where the linker is told to put it, so that the code's generator knows the addresses.
  .section .apus, "ax"

  .macro each_vector operation
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
      \operation \n
    .endr
  .endm

  // Notes all registers in a state; changes none.
  .macro note state
    .macro store_vector n
      movups %xmm\n, \state + vectors + 16 * \n(%rip)
    .endm
    mov %rax, \state(%rip)
    mov %rcx, \state + 8(%rip)
    mov %rdx, \state + 16(%rip)
    mov %rbx, \state + 24(%rip)
    mov %rsp, \state + 32(%rip)
    mov %rbp, \state + 40(%rip)
    mov %rsi, \state + 48(%rip)
    mov %rdi, \state + 56(%rip)
    mov %r8, \state + 64(%rip)
    mov %r9, \state + 72(%rip)
    mov %r10, \state + 80(%rip)
    mov %r11, \state + 88(%rip)
    mov %r12, \state + 96(%rip)
    mov %r13, \state + 104(%rip)
    mov %r14, \state + 112(%rip)
    mov %r15, \state + 120(%rip)
    each_vector store_vector
    .purgem store_vector
  .endm

  .macro load_vector n
    movups vectors + 16 * \n(%rdi), %xmm\n
  .endm

// The body of a function: notes the registers, and changes those that functions may, and the vector registers.
  .globl apus_body
apus_body:
  note apus_seen
  movl $1, apus_ran(%rip)
  lea apus_result(%rip), %rdi
  each_vector load_vector
  mov (%rdi), %rax
  mov 8(%rdi), %rcx
  mov 16(%rdi), %rdx
  mov 48(%rdi), %rsi
  mov 64(%rdi), %r8
  mov 72(%rdi), %r9
  mov 80(%rdi), %r10
  mov 88(%rdi), %r11
  mov 56(%rdi), %rdi
  // Nothing below the stack pointer is anybody's.
  .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    mov %rax, -8 * \n(%rsp)
  .endr
  ret

// Where generated code returns to.
  .org 0x1000
  .globl apus_after
apus_after:
  note apus_end
  mov host(%rip), %rsp
  mov host + 8(%rip), %rbx
  mov host + 16(%rip), %rbp
  mov host + 24(%rip), %r12
  mov host + 32(%rip), %r13
  mov host + 40(%rip), %r14
  mov host + 48(%rip), %r15
  ret

// void apus_enter(const struct state *): the return address goes where the chosen rsp points to.
  .org 0x2000
  .globl apus_enter
  .type apus_enter, @function
apus_enter:
  mov %rsp, host(%rip)
  mov %rbx, host + 8(%rip)
  mov %rbp, host + 16(%rip)
  mov %r12, host + 24(%rip)
  mov %r13, host + 32(%rip)
  mov %r14, host + 40(%rip)
  mov %r15, host + 48(%rip)
  mov entry(%rdi), %rax
  mov %rax, target(%rip)
  each_vector load_vector
  mov 32(%rdi), %rsp
  lea apus_after(%rip), %rax
  mov %rax, (%rsp)
  mov (%rdi), %rax
  mov 8(%rdi), %rcx
  mov 16(%rdi), %rdx
  mov 24(%rdi), %rbx
  mov 40(%rdi), %rbp
  mov 48(%rdi), %rsi
  mov 64(%rdi), %r8
  mov 72(%rdi), %r9
  mov 80(%rdi), %r10
  mov 88(%rdi), %r11
  mov 96(%rdi), %r12
  mov 104(%rdi), %r13
  mov 112(%rdi), %r14
  mov 120(%rdi), %r15
  mov 56(%rdi), %rdi
  jmp *target(%rip)

  .section .note.GNU-stack, "", %progbits
