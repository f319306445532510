// rule: a function that two bases reach: where its body is repeated in the thunk, both have changed
// changed: C::second(int)
// changed[O2,O3]: C::second(int) non-virtualthunktoC::second(int)
// changed[clang,O1,O2,O3]: C::second(int) non-virtualthunktoC::second(int)
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
