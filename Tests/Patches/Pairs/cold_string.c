// rule: only a string that the cold part refers to differs
// changed: f
#include "pair.h"
__attribute__((cold, noreturn)) void fail(const char *, int);
int f(int x) {
#if PATCH
  if (__builtin_expect(x < 0, 0)) fail("x is negative", 11);
#else
  if (__builtin_expect(x < 0, 0)) fail("x is below 0!", 11);
#endif
  return use(x) + 1;
}
int g(int x) {
  if (__builtin_expect(x == 7, 0)) fail("seven", 7);
  return use(x) + 2;
}
