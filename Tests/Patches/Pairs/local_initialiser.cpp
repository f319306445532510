// rule: a static local that the first call initialises: its guard too is the running program's
// changed: f(int)
#include "pair.h"
int f(int x) {
  static int n = use(4);
#if PATCH
  if (x < 0) return n;
#endif
  return n += x;
}
int g(int x) {
  static int n = use(5);
  return n += x;
}
