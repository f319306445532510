// rule: a class begins to override: its table leads elsewhere
// added: B::get(int)
// refused: data-value _ZTV1B
#include "pair.h"
struct A {
  virtual int get(int x);
  virtual void key();
};
struct B : A {
  void key() override;
#if PATCH
  int get(int x) override;
#endif
};
int A::get(int x) { return use(x) + 1; }
void A::key() { use(1); }
void B::key() { use(2); }
#if PATCH
int B::get(int x) { return use(x) + 3; }
#endif
