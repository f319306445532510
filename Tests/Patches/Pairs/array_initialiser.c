// rule: a local array whose initial contents the compiler keeps as a constant
// changed: f
// changed[gcc,arm64,ppc64le,O1,O2,O3]: f g
#include "pair.h"
void f(void) {
#if PATCH
  int a[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13};
#else
  int a[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
#endif
  take(a);
}
void g(void) {
  int a[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  take(a);
}
