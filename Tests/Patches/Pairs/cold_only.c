// rule: only the cold part differs: the function it belongs to has changed
// changed: f
#include "pair.h"
__attribute__((cold, noreturn)) void fail(const char *, int);
int f(int x) {
#if PATCH
  if (__builtin_expect(x < 0, 0)) fail("below", 12);
#else
  if (__builtin_expect(x < 0, 0)) fail("below", 11);
#endif
  return use(x) + 1;
}
int g(int x) {
  if (__builtin_expect(x == 7, 0)) fail("seven", 7);
  return use(x) + 2;
}
