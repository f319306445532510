// rule: an inline variable of another initial value
// flags: -std=c++17
// refused: data-value counter
#include "pair.h"
#if PATCH
inline int counter = 2;
#else
inline int counter = 1;
#endif
int f(int x) { return counter += use(x); }
