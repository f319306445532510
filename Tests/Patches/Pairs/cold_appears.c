// rule: the change brings f's first cold part
// changed: f
#include "pair.h"
__attribute__((cold, noreturn)) void fail(const char *);
int f(int x) {
#if PATCH
  if (x < 0) fail("negative");
#endif
  return use(x) + 1;
}
int g(int x) {
  if (x == 7) fail("seven");
  return use(x) + 2;
}
