// rule: gcc passes what a pointer points to instead of the pointer; the function counts under its own name
// compilers: gcc
// changed: f
#include "pair.h"
struct Pair {
  int a, b, c;
};
static NOINLINE int f(struct Pair *p) {
#if PATCH
  return use(p->a) + 2 * other(3);
#else
  return use(p->a) + other(3);
#endif
}
int g(int x) {
  struct Pair p = {x, x + 1, x + 2};
  return f(&p) + 1;
}
int h(int x) { return use(x); }
