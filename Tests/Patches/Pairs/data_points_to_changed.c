// rule: a writable table of functions, of which one has changed: the table is as it was
// changed: a
#include "pair.h"
static int a(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
static int b(int x) { return other(x); }
int (*handlers[])(int) = {a, b};
int f(int i, int x) { return handlers[i](x); }
