// rule: lines inserted above, with the #line that a patched copy of the source gets: nothing but h changed, debugging information apart
// flags: -g
// changed: h
#include "pair.h"
__attribute__((noreturn)) void failed(const char *, int);
#define CHECK(x) ((x) ? (void)0 : failed(#x, __LINE__))
#line 10 "line_kept.c"
int h(int x) {
#if PATCH
  if (x < 0)
    return 0;
#endif
  return use(x) + 2;
}
#line 14 "line_kept.c"
int f(int x) {
  CHECK(x > 0);
  return use(x);
}
