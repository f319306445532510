// rule: new variables, exported and not, and a constant
// changed: f
// added: extra counter
#include "pair.h"
int old = 1;
#if PATCH
int extra = 9;
static int counter;
static const int table[] = {5, 4, 3, 2};
#endif
int f(int x) {
#if PATCH
  return old += use(x + table[x & 3]) + extra + counter++;
#else
  return old += use(x);
#endif
}
int g(void) { return old; }
