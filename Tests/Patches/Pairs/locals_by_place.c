// rule: static variables of one name, in inlined functions: one that a function refers to which did not change is the same
// compilers: gcc
// levels: O1 O2 O3
// changed: u
// added: n
#include "pair.h"
static inline int f(int x) {
  static int n;
  n += use(x);
  return n;
}
#if PATCH
static inline int h(int x) {
  static int n;
  n += 100 * x;
  return n;
}
#endif
static inline int g(int x) {
  static int n;
  n -= use(x);
  return n;
}
ALONE int u(int x) {
#if PATCH
  x += h(x);
#endif
  return f(x) + g(x);
}
ALONE int v(int x) { return f(x + 3); }
ALONE int w(int x) { return g(x + 5); }
