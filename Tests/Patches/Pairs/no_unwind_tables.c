// rule: functions without unwind tables
// flags: -fno-asynchronous-unwind-tables -fno-unwind-tables
// changed: f
#include "pair.h"
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int g(int x) { return use(x) + 1; }
