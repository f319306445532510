// rule: a static function that stood alone is inlined after the change
// changed: f
// changed[O0]: helper
// removed[O1,O2,O3]: helper
#include "pair.h"
#if PATCH
static int helper(int x) { return x * 3; }
#else
static ALONE int helper(int x) { return x * 3 + use(1); }
#endif
int f(int x) { return use(helper(x)); }
