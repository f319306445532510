// rule: a writable pointer to a static const table, of which one value differs
// refused: data-value current
#include "pair.h"
#if PATCH
static const int table[] = {3, 1, 4, 2};
#else
static const int table[] = {3, 1, 4, 1};
#endif
static const int *current = table;
int f(int x) { return current[x & 3]; }
void g(const int *p) { current = p; }
