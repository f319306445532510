// rule: notes about places in the code, as SystemTap's probes leave: not loaded, and no change
// arches: x86_64
// changed: f
#include "pair.h"
#define PROBE __asm__ volatile("1: nop\n\t.pushsection .note.stapsdt,\"\",@note\n\t.balign 4\n\t.4byte 4, 8, 3\n\t.asciz \"abc\"\n\t.8byte 1b\n\t.popsection")
int f(int x) {
#if PATCH
  if (x < 0) return use(3);
#endif
  x = use(x);
  PROBE;
  return use(x);
}
int g(int x) {
  x = other(x);
  PROBE;
  return use(x);
}
