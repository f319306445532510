// rule: the change lets gcc pass a member instead of the pointer: another calling convention under nearly the same name
// compilers: gcc
// changed: f
// changed[O2,O3]: f g
#include "pair.h"
struct Pair {
  int a, b, c;
};
static NOINLINE int f(struct Pair *p) {
#if PATCH
  return use(p->a) + 2;
#else
  take(p);
  return use(p->a);
#endif
}
int g(struct Pair *p) { return f(p) + 1; }
