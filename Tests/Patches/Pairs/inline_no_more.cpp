// rule: an inline function leaves its group and becomes an ordinary one: it is the same function
#include "pair.h"
#if !PATCH
inline
#endif
ALONE int helper(int x) { return use(x); }
int f(int x) { return other(x) + 1; }
int (*const table[])(int) = {helper, f};
int g(int x) { return table[x & 1](x); }
