// rule: a static function that was inlined stands alone after the change
// changed: f
// changed[O0]: helper
// added[O1,O2,O3]: helper
#include "pair.h"
#if PATCH
static ALONE int helper(int x) { return x * 3 + use(1); }
#else
static int helper(int x) { return x * 3; }
#endif
int f(int x) { return use(helper(x)); }
