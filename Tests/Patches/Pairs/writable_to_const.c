// rule: a variable becomes a constant: what the program wrote there is not what new code may assume
// refused: symbol-kind table
#include "pair.h"
#if PATCH
const int table[] = {3, 1, 4, 1};
#else
int table[] = {3, 1, 4, 1};
#endif
const int *f(int x) { return &table[x & 3]; }
