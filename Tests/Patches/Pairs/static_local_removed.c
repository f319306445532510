// rule: a static local is gone from a function that used it: its state is lost, or has moved
// changed: f
// refused: data-removed n
#include "pair.h"
int f(int x) {
#if !PATCH
  static int n = 3;
  n += x;
  return use(n);
#else
  return use(x);
#endif
}
int g(int x) {
  static int m;
  return m += use(x);
}
