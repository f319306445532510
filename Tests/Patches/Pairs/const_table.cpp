// rule: a constant of the file, which in C++ is local: its reader changed
// changed: f(int)
#include "pair.h"
#if PATCH
const int table[] = {3, 1, 4, 2};
#else
const int table[] = {3, 1, 4, 1};
#endif
int f(int x) { return table[x & 3]; }
int g(int x) { return use(x); }
