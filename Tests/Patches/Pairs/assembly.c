// rule: assembly at file level changed: there is no telling what it does
// arches: x86_64
// refused: assembly fast
#include "pair.h"
__asm__(".text\n.globl fast\n.type fast, @function\nfast:\n"
#if PATCH
        "  leal 2(%rdi), %eax\n"
#else
        "  leal 1(%rdi), %eax\n"
#endif
        "  ret\n.size fast, .-fast\n");
int fast(int);
int f(int x) { return use(x) + fast(x); }
