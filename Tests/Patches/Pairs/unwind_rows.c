// rule: the code is the same, how to unwind it is not
// changed: f
#include "pair.h"
int f(int x) {
  use(x);
#if PATCH
  __asm__ volatile(".cfi_escape 0x2e, 0x10"); // DW_CFA_GNU_args_size 16
#else
  __asm__ volatile(".cfi_escape 0x2e, 0x20");
#endif
  return use(x) + 1;
}
int g(int x) { return use(x) + 1; }
