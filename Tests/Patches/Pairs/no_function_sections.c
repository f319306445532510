// rule: functions that share .text cannot be told apart with certainty
// flags: -fno-function-sections
// changed: any
// refused: no-function-sections *
#include "pair.h"
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int g(int x) { return use(x) + 1; }
