// rule: the body of a lambda changed
// changed: f(int)::{lambda}::operator()(int)const
#include "pair.h"
int f(int x) {
  auto one = [x](int y) ALONE { return use(x + y); };
  auto two = [x](int y) ALONE {
#if PATCH
    if (y < 0) return 0;
#endif
    return other(x + y);
  };
  return one(1) + two(x) + two(5);
}
