// rule: the code's bytes are the same, a relocation names another function
// changed: f
#include "pair.h"
int f(int x) {
#if PATCH
  return other(x) + 1;
#else
  return use(x) + 1;
#endif
}
int g(int x) { return use(x) + 1; }
