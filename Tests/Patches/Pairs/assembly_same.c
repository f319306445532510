// rule: assembly at file level is as it was, C beside it changed
// arches: x86_64
// changed: f
#include "pair.h"
__asm__(".text\n.globl fast\n.type fast, @function\nfast:\n  leal 1(%rdi), %eax\n  ret\n.size fast, .-fast\n");
int fast(int);
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x) + fast(x);
}
