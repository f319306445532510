// rule: a constant that other objects can see: their code would read the old one
// refused: data-value table
#include "pair.h"
#if PATCH
const int table[] = {3, 1, 4, 2};
#else
const int table[] = {3, 1, 4, 1};
#endif
int f(int x) { return table[x & 3]; }
