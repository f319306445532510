// rule: such a table where only another function changed
// arches: x86_64
// changed: g
#include "pair.h"
#define RECORD __asm__ volatile("1: nop\n\t.pushsection .sites,\"a\",@progbits\n\t.quad 1b - .\n\t.popsection")
int f(int x) {
  x = use(x);
  RECORD;
  return use(x);
}
int g(int x) {
#if PATCH
  if (x < 0) return use(3);
#endif
  return use(x) + 2;
}
