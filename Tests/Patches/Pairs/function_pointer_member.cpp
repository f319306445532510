// rule: pointers to members in a constant table
// changed: f(A*,int)
#include "pair.h"
struct A {
  int one(int x);
  int two(int x);
};
int A::one(int x) { return use(x) + 1; }
int A::two(int x) { return use(x) + 2; }
#if PATCH
static int (A::*const members[])(int) = {&A::two, &A::one};
#else
static int (A::*const members[])(int) = {&A::one, &A::two};
#endif
int f(A *a, int x) { return (a->*members[x & 1])(x); }
