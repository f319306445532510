// rule: a class has another base: type information that exceptions and dynamic_cast have seen
// refused: data-size _ZTI1B
#include "pair.h"
struct A {
  virtual void key();
};
#if PATCH
struct B : A {
#else
struct B {
#endif
  virtual void key();
};
void A::key() { use(1); }
void B::key() { use(2); }
