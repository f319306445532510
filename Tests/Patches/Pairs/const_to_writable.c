// rule: a constant becomes a variable, at the same place of the running program, which cannot be written
// refused: symbol-kind table
#include "pair.h"
#if PATCH
int table[] = {3, 1, 4, 1};
#else
const int table[] = {3, 1, 4, 1};
#endif
int f(int x) { return use(table[x & 3]); }
