// rule: two names of one function become two functions: an entry can lead to one place only
// refused: alias f|zed, alias f|zed
#include "pair.h"
ALONE int f(int x) { return use(x); }
#if PATCH
ALONE int zed(int x) { return use(x) + 1; }
#else
int zed(int) __attribute__((alias("f")));
#endif
