// A fibre switch in assembly, without a call site and unknown to the C library, and stacks to run on.
#ifndef FIBRE_H
#define FIBRE_H
#include "hard.h"
#include <string.h>
#include <sys/mman.h>

#ifdef __cplusplus
extern "C" {
#endif
// Saves the callee-saved registers and the stack pointer at `*save`, goes on at `load`.
void fibre_switch(void **save, void *load);
void fibre_entry(void);
#ifdef __cplusplus
}
#endif

// What a fibre that has never run has saved, in words from its stack pointer: where its first switch goes, its body and argument.
#if defined(__aarch64__)
enum { SAVED = 20, ENTRY = 11, BODY = 1, ARGUMENT = 0 };
__asm__(".text\n"
        ".globl fibre_switch\n"
        ".type fibre_switch, %function\n"
        "fibre_switch:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
        "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n  str x9, [x0]\n"
        "  mov sp, x1\n"
        "  ldp x19, x20, [sp]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
        "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n"
        "  ret\n"
        ".size fibre_switch, . - fibre_switch\n"
        ".globl fibre_entry\n"
        ".type fibre_entry, %function\n"
        "fibre_entry:\n"
        "  .cfi_startproc\n  .cfi_undefined x30\n"
        "  mov x0, x19\n"
        "  blr x20\n"
        "  brk #1\n"
        "  .cfi_endproc\n"
        ".size fibre_entry, . - fibre_entry\n");
#else
enum { SAVED = 6, ENTRY = 6, BODY = 2, ARGUMENT = 3 };
__asm__(".text\n"
        ".globl fibre_switch\n"
        ".type fibre_switch, @function\n"
        "fibre_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size fibre_switch, . - fibre_switch\n"
        ".globl fibre_entry\n"
        ".type fibre_entry, @function\n"
        "fibre_entry:\n"
        "  .cfi_startproc\n  .cfi_undefined rip\n"
        "  movq %r12, %rdi\n"
        "  call *%r13\n"
        "  ud2\n"
        "  .cfi_endproc\n"
        ".size fibre_entry, . - fibre_entry\n");
#endif

// Makes a fibre on `stack` that will call body(argument), which must never return.
UNUSED UNTRACED static void *fibre_make(void *stack, size_t size, void (*body)(void *), void *argument) {
  // When fibre_entry begins, the stack pointer is 16-byte aligned, as before any call.
  uintptr_t *top = (uintptr_t *)((char *)stack + size - 72 - (ENTRY < SAVED ? 8 : 0));
  memset(top, 0, 64);
  uintptr_t *saved = top - SAVED;
  memset(saved, 0, SAVED * sizeof *saved);
  saved[ENTRY] = (uintptr_t)fibre_entry;
  saved[ARGUMENT] = (uintptr_t)argument;
  saved[BODY] = (uintptr_t)body;
  return saved;
}

// Maps a stack, at `where` if that is given: a freed stack's place is used again.
UNUSED UNTRACED static void *stack_map(void *where, size_t size) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (where ? MAP_FIXED_NOREPLACE : 0);
  void *stack = mmap(where, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  REQUIRE(stack != MAP_FAILED);
  return stack;
}
#endif
