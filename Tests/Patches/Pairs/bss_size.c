// rule: the same of a variable without initial value
// refused: data-size items
#include "pair.h"
#if PATCH
static int items[12];
#else
static int items[10];
#endif
int f(int x) { return items[x % 10]++; }
