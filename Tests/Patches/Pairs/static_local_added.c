// rule: a changed function has a new static local of a name that others have too
// changed: f
// added: n
#include "pair.h"
int e(int x) {
  static int n;
  n += use(x);
  return n;
}
int f(int x) {
#if PATCH
  static int n;
  n += use(x);
  return n;
#else
  return use(x);
#endif
}
int g(int x) {
  static int n;
  n += use(x);
  return n;
}
