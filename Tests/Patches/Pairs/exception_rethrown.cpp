// rule: handlers within handlers, and a rethrow added
// changed: f(int)
#include "pair.h"
int f(int x) {
  try {
    try {
      return use(x);
    } catch (int e) {
#if PATCH
      if (e > 3) throw;
#endif
      return other(e);
    }
  } catch (...) {
    return 3;
  }
}
int g(int x) {
  try {
    return use(x);
  } catch (int e) {
    return other(e) + 1;
  }
}
