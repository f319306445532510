// rule: a constexpr table of a class: other objects hold it too
// flags: -std=c++17
// refused: data-value A::table
#include "pair.h"
struct A {
#if PATCH
  static constexpr int table[4] = {3, 1, 4, 2};
#else
  static constexpr int table[4] = {3, 1, 4, 1};
#endif
};
int f(int x) { return A::table[x & 3]; }
