// rule: two functions in one section that the source names; the first grows, the second only moves
// changed: f
#include "pair.h"
#define MINE __attribute__((section(".text.mine")))
MINE ALONE int f(int x) {
#if PATCH
  if (x < -5) return other(x) * 3 + 5;
#endif
  return use(x);
}
MINE ALONE int second(int x) { return use(x) * 5; }
int g(int x) { return use(x) + 1; }
