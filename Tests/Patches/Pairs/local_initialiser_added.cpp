// rule: a new static local that the first call initialises: new code does it
// changed: f(int)
// added: f(int)::n
#include "pair.h"
int f(int x) {
#if PATCH
  static int n = use(4);
  return n += x;
#else
  return use(x);
#endif
}
int g(int x) {
  static int n = use(5);
  return n += x;
}
