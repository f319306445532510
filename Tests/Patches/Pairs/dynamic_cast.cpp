// rule: another type is asked for
// changed: f(A*)
#include "pair.h"
struct A {
  virtual void key();
};
struct B : A {
  void key() override;
};
struct C : A {
  void key() override;
};
void *f(A *a) {
#if PATCH
  return dynamic_cast<C *>(a);
#else
  return dynamic_cast<B *>(a);
#endif
}
void *g(A *a) { return dynamic_cast<B *>(a); }
