// rule: a function that two bases reach: its thunk moves nothing
// changed: C::second(int)
// changed[gcc,clang,O1,O2,O3]: any
#include "pair.h"
struct A {
  virtual int first(int x);
  int a;
};
struct B {
  virtual int second(int x);
  int b;
};
struct C : A, B {
  int second(int x) override;
  int c;
};
int A::first(int x) { return use(x); }
int B::second(int x) { return use(x); }
int C::second(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x) + c;
}
