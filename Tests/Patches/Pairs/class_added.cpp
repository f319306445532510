// rule: a new class with virtual functions: its tables are new
// changed: f(int)
// added: C::key() C::get(int)
// added[clang,O0]: A::A() C::C() C::key() C::get(int)
#include "pair.h"
struct A {
  virtual void key();
  virtual int get(int x);
};
void A::key() { use(1); }
int A::get(int x) { return use(x) + 1; }
#if PATCH
struct C : A {
  void key() override;
  int get(int x) override;
};
void C::key() { use(3); }
int C::get(int x) { return use(x) + 2; }
#endif
void pass(A *);
void f(int x) {
#if PATCH
  C made;
  pass(&made);
#endif
  use(x);
}
