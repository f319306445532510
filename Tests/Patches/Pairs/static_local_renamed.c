// rule: a static local has another name: the running program's value would be lost
// changed: f
// added: total
// refused: data-removed sum
#include "pair.h"
int f(int x) {
#if PATCH
  static int total = 3;
  return total += use(x);
#else
  static int sum = 3;
  return sum += use(x);
#endif
}
