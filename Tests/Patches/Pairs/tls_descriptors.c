// rule: thread-local variables by descriptors
// flags: -mtls-dialect=gnu2
// flags[arm64]: -mtls-dialect=desc
// arches: x86_64 arm64
// compilers: gcc
// changed: f
#include "pair.h"
_Thread_local int mine = 3;
extern _Thread_local int elsewhere;
int f(int x) {
#if PATCH
  if (x < 0) return mine;
#endif
  return mine += use(x) + elsewhere;
}
int g(void) { return mine - elsewhere; }
