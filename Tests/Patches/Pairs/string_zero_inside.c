// rule: a string literal that differs behind a zero byte
// changed: f
// changed[gcc,arm64,O1,O2,O3]: f g
#include "pair.h"
void f(void) {
#if PATCH
  take((void *)"ab\0cd");
#else
  take((void *)"ab\0ce");
#endif
}
void g(void) { take((void *)"ab\0cf"); }
