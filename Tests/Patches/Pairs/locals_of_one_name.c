// rule: one more static variable of a name that several of a function have: nothing tells which is which
// oracle: it goes by compilers' numbers
// changed: f
// added: any
// removed: any
// refused: data-removed *
#include "pair.h"
int f(int x) {
#if PATCH
  if (x > 100) {
    static int n;
    n += 1000;
    return n;
  }
#endif
  if (x & 1) {
    static int n;
    n += use(x);
    return n;
  }
  static int n;
  n += 10;
  return n;
}
