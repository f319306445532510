// rule: a function promises not to throw: its callers need no landing pads
// changed: f(int) g(int)
#include "pair.h"
struct Guard {
  ~Guard() { other(1); }
};
#if PATCH
ALONE int f(int x) noexcept { return use(x) + 1; }
#else
ALONE int f(int x) { return use(x) + 1; }
#endif
int g(int x) {
  Guard guard;
  return f(x) + 1;
}
