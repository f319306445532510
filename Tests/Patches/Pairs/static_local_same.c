// rule: a changed function keeps its static local, which stays the running program's
// changed: f
#include "pair.h"
int f(int x) {
  static int n = 5;
#if PATCH
  if (x < 0) return n;
#endif
  n += use(x);
  return n;
}
int g(int x) {
  static int n = 7;
  n += use(x);
  return n;
}
