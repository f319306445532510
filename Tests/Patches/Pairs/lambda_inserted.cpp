// rule: a lambda before two others takes the first one's number: the others are as they were, wherever pointers to them are kept
// changed: f(int)
// added: f(int)::{lambda}::operator()(int)const
#include "pair.h"
int f(int x) {
  int sum = 0;
#if PATCH
  auto zero = [x](int y) ALONE { return use(x) * other(y) - 50; };
  sum += zero(3);
#endif
  auto one = [x](int y) ALONE { return use(x + y); };
  auto two = [x](int y) ALONE { return other(x + y) * 2; };
  return sum + one(1) + two(2);
}
