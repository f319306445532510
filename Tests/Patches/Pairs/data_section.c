// rule: a variable in a section that the source names, as it was; who uses it changed
// changed: f
#include "pair.h"
__attribute__((section(".data.mine"))) int state = 3;
__attribute__((section(".data.mine"))) int second = 4;
int f(int x) {
#if PATCH
  second = 9;
#endif
  return state += use(x);
}
int g(void) { return second; }
