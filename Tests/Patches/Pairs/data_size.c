// rule: an array of another length: the running program's has the old one, and neighbours
// refused: data-size items
#include "pair.h"
#if PATCH
int items[12] = {1, 2};
#else
int items[10] = {1, 2};
#endif
int f(int x) { return items[x % 10]; }
