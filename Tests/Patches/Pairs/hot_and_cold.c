// rule: functions in .text.hot. and .text.unlikely. sections
// changed: f g
#include "pair.h"
__attribute__((hot)) int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
__attribute__((cold)) int g(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
__attribute__((cold)) int h(int x) { return use(x) + 1; }
__attribute__((hot)) int i(int x) { return use(x) + 1; }
