// rule: assert() of the C library: the line is an argument, the file and the function's name are strings
// changed: f
#include <assert.h>
#include "pair.h"
#if PATCH
#line 20
#else
#line 19
#endif
int f(int x) {
  assert(x > 0);
  return use(x);
}
int g(int x) { return use(x) + 1; }
