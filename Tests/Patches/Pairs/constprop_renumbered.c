// rule: the users of two copies of one function change places in the file: the copies have other numbers, and nothing changed
// flags: -fipa-cp-clone
// compilers: gcc
#include "pair.h"
static NOINLINE int f(int x, int mode) {
  switch (mode) {
  case 5:
    for (int i = 0; i < 3; i++) x += use(x) * other(i);
    return x + other(1);
  case 7:
    for (int i = 0; i < 9; i++) x -= other(x) + use(i);
    return x - use(4);
  case 9: return use(x) * use(x + 1);
  default: return x * mode;
  }
}
#if PATCH
int h(int x) {
  int sum = 0;
  for (int i = 0; i < x; i++) sum -= f(i, 7);
  return sum * 2;
}
#endif
int g(int x) {
  int sum = 0;
  for (int i = 0; i < x; i++) sum += f(i, 5);
  return sum + 1;
}
#if !PATCH
int h(int x) {
  int sum = 0;
  for (int i = 0; i < x; i++) sum -= f(i, 7);
  return sum * 2;
}
#endif
