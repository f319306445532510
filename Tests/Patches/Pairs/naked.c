// rule: a function without prologue, all assembly, but a function
// arches: x86_64
// changed: f
#include "pair.h"
__attribute__((naked)) int f(int x) {
#if PATCH
  __asm__("leal 2(%rdi), %eax\n\tret");
#else
  __asm__("leal 1(%rdi), %eax\n\tret");
#endif
}
int g(int x) { return use(x) + f(x); }
