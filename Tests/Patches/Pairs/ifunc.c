// rule: the resolver of an IFUNC changed: it has run, and the choice stands in the GOT
// refused: ifunc f|resolve, ifunc f|resolve
#include "pair.h"
static int one(int x) { return use(x) + 1; }
static int two(int x) { return use(x) + 2; }
int which;
typedef int function(int);
function *resolve(void) {
#if PATCH
  return which == 1 ? one : two;
#else
  return which ? one : two;
#endif
}
int f(int) __attribute__((ifunc("resolve")));
int g(int x) { return f(x) * 3; }
