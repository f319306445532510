// rule: gcc for arm64 and ppc64le reaches several anonymous constants from one anchor; the second one differs: it must not be missed
// changed: g
// changed[gcc,arm64,ppc64le,O1,O2,O3]: f g
#include "pair.h"
void f(void) {
  int a[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  take(a);
}
void g(void) {
#if PATCH
  int a[12] = {51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 63};
#else
  int a[12] = {51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62};
#endif
  take(a);
}
