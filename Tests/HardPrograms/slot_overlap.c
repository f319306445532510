// build: gcc -O2 -fpatchable-function-entry=5
// counts: listed
// calls: main=1 first=any second=2000
// refused: slot-too-small=1
// Two call sites with nops in common, as if of a function with two entries: the first one's end where the second's begin, and
// are too few; control also falls through from the first function into the second's site.
#include "hard.h"

uint64_t first(uint64_t);
uint64_t second(uint64_t);
__asm__(".text\n.globl first\n.type first, @function\nfirst:\n.Lfirst_site:\n  nop\n  nop\n  nop\n"
        ".globl second\n.type second, @function\nsecond:\n.cfi_startproc\n.Lsecond_site:\n"
        "  nop\n  nop\n  nop\n  nop\n  nop\n"
        "  imulq $3, %rdi, %rax\n  ret\n.cfi_endproc\n.size first, . - first\n.size second, . - second\n"
        ".section __patchable_function_entries,\"awo\",@progbits,first\n  .p2align 3\n"
        "  .quad .Lfirst_site\n  .quad .Lsecond_site\n.text\n");

int main(void) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 1000; i++) {
    sum = mix(sum, first(i));
    sum = mix(sum, second(i));
  }
  printf("%016lx\n", sum);
  return 0;
}
