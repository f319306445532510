// rule: __func__ is a constant of the function that uses it, numbered by the compiler
// changed: f
#include "pair.h"
int e(int x) { return use(x); }
int f(int x) {
#if PATCH
  say(__func__);
#endif
  return use(x);
}
int g(int x) {
  say(__func__);
  return use(x) + 1;
}
int h(int x) {
  say(__func__);
  return use(x) + 2;
}
