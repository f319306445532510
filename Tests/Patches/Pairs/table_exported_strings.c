// rule: a constant table of strings that other objects can see, in memory that is relocated and then read-only
// refused: data-value names
#include "pair.h"
#if PATCH
const char *const names[] = {"zero", "one", "TWO"};
#else
const char *const names[] = {"zero", "one", "two"};
#endif
const char *f(int x) { return names[x & 1]; }
