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

// Makes a fibre on `stack` that will call body(argument), which must never return.
UNUSED UNTRACED static void *fibre_make(void *stack, size_t size, void (*body)(void *), void *argument) {
  // After fibre_entry is popped the stack pointer is 16-byte aligned, as before any call.
  uintptr_t *top = (uintptr_t *)((char *)stack + size - 72);
  memset(top, 0, 64);
  top[0] = (uintptr_t)fibre_entry;
  uintptr_t *saved = top - 6;
  memset(saved, 0, 6 * sizeof *saved);
  saved[3] = (uintptr_t)argument;  // r12
  saved[2] = (uintptr_t)body;      // r13
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
