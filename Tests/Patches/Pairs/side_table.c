// rule: a function's assembly writes its own addresses into a table: the running program's table knows nothing of the new code
// arches: x86_64
// changed: f
// refused: side-table|data-value *
#include "pair.h"
#define RECORD __asm__ volatile("1: nop\n\t.pushsection .sites,\"a\",@progbits\n\t.quad 1b - .\n\t.popsection")
int f(int x) {
#if PATCH
  if (x < 0) return use(3);
#endif
  x = use(x);
  RECORD;
  return use(x);
}
