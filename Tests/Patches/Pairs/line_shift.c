// rule: lines inserted above shift __LINE__; without #line that is a change of the code
// changed: f
#include "pair.h"
#if PATCH

#endif
__attribute__((noreturn)) void failed(const char *, int);
#define CHECK(x) ((x) ? (void)0 : failed(#x, __LINE__))
#if PATCH
#line 7
#else
#line 6
#endif
int f(int x) {
  CHECK(x > 0);
  return use(x);
}
int g(int x) { return use(x) + 1; }
