// rule: the compiler knew that a call has no effect and made one of two; now there is one
// changed: f g
// changed[O0]: f
#include "pair.h"
int state;
static NOINLINE int f(int x) {
#if PATCH
  state++;
#endif
  return (x * 17 + 1) / (x | 1);
}
int g(int a) { return f(a) + f(a); }
int h(int x) { return use(x); }
