// rule: signed return addresses of arm64
// flags: -mbranch-protection=standard
// arches: arm64
// changed: f
#include "pair.h"
int f(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
int g(int x) { return use(x) + 1; }
