// rule: another type is caught: the code may be the same, the exception table is not
// changed: f(int)
#include "pair.h"
int f(int x) {
  try {
    return use(x);
#if PATCH
  } catch (long) {
#else
  } catch (int) {
#endif
    return 1;
  }
}
int g(int x) {
  try {
    return use(x);
  } catch (int) {
    return 2;
  }
}
