// rule: a class's constructor and destructor, of two or three names each
// changed: A::A(int) A::~A()
#include "pair.h"
struct A {
  int n;
  A(int x);
  ~A();
};
A::A(int x) {
#if PATCH
  n = use(x) + 1;
#else
  n = use(x);
#endif
}
A::~A() {
#if PATCH
  use(n + 1);
#else
  use(n);
#endif
}
int f(int x) { return use(x) * 2; }
