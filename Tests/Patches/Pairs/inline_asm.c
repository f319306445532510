// rule: assembly within a function is the function's
// changed: f
#include "pair.h"
int f(int x) {
#if PATCH
  __asm__ volatile("nop\n\tnop" : "+r"(x));
#else
  __asm__ volatile("nop" : "+r"(x));
#endif
  return use(x);
}
int g(int x) {
  __asm__ volatile("nop" : "+r"(x));
  return use(x) + 1;
}
