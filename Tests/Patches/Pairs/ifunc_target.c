// rule: one of the functions that an IFUNC chooses from changed, and a caller
// changed: one g
#include "pair.h"
static int one(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x) + 1;
}
static int two(int x) { return use(x) + 2; }
int which;
typedef int function(int);
function *resolve(void) { return which ? one : two; }
int f(int) __attribute__((ifunc("resolve")));
int g(int x) {
#if PATCH
  return f(x) * 4;
#else
  return f(x) * 3;
#endif
}
