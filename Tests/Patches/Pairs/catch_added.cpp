// rule: one more handler
// changed: f(int)
#include "pair.h"
int f(int x) {
  try {
    return use(x);
  } catch (int e) {
    return e;
#if PATCH
  } catch (...) {
    return 2;
#endif
  }
}
int g(int x) {
  try {
    return use(x);
  } catch (int e) {
    return e + 1;
  }
}
