// rule: only the landing pad differs
// changed: f(int)
#include "pair.h"
struct Guard {
  int n;
  ~Guard() __attribute__((always_inline)) { other(n); }
};
int f(int x) {
  try {
    return use(x) + 1;
  } catch (...) {
#if PATCH
    other(8);
#else
    other(7);
#endif
    throw;
  }
}
int g(int x) {
  Guard guard{x};
  return use(x);
}
