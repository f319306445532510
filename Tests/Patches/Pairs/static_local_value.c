// rule: a static local starts with another value; the running program's has long been changed
// refused: data-value n
#include "pair.h"
int f(int x) {
#if PATCH
  static int n = 6;
#else
  static int n = 5;
#endif
  return n += use(x);
}
int g(int x) {
  static int n = 5;
  return n += other(x);
}
