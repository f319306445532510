// build: gcc -O2 -fpatchable-function-entry=5
// also[clang]: clang -O2 -fpatchable-function-entry=5
// also[static]: gcc -O2 -fpatchable-function-entry=5 -static
// also[alone]: gcc -O2 -fpatchable-function-entry=5 -Wl,-z,noseparate-code
// counts: callgrind
// calls: main=1 behind_1=3000 behind_2=3000 behind_3=3000 behind_4=3000 before_page=3000 after_page=3000
// Call sites whose slots lie in two pages, 1 to 4 bytes in the first: what enables them cannot be one write. And one right before
// and one right after a page's border.
#include "hard.h"

// A function in assembly with a call site, as the compilers make it, whose slot begins so many bytes before a page's end.
// Page after page, and each function in the page behind: only the slots touch two.
#define AT_BORDER(name, before, factor)                                                             \
  uint64_t name(uint64_t);                                                                          \
  __asm__(".text\n.p2align 12\n  .skip 4096 - " #before "\n.globl " #name "\n.type " #name          \
          ", @function\n" #name ":\n.cfi_startproc\n.L" #name "_site:\n"                            \
          "  nop\n  nop\n  nop\n  nop\n  nop\n"                                                     \
          "  imulq $" #factor ", %rdi, %rax\n  ret\n.cfi_endproc\n.size " #name ", . - " #name "\n" \
          ".section __patchable_function_entries,\"awo\",@progbits," #name "\n  .p2align 3\n"       \
          "  .quad .L" #name "_site\n.text\n")

AT_BORDER(behind_1, 1, 3);
AT_BORDER(behind_2, 2, 5);
AT_BORDER(behind_3, 3, 7);
AT_BORDER(behind_4, 4, 11);
AT_BORDER(before_page, 5, 13);
AT_BORDER(after_page, 0, 17);

int main(void) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 3000; i++) {
    sum = mix(sum, behind_1(i));
    sum = mix(sum, behind_2(i));
    sum = mix(sum, behind_3(i));
    sum = mix(sum, behind_4(i));
    sum = mix(sum, before_page(i));
    sum = mix(sum, after_page(i));
  }
  printf("%016lx\n", sum);
  return 0;
}
