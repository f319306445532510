// rule: names that link-time optimisation has numbered
#include "pair.h"
#if PATCH
int helper(int) __asm__("helper.lto_priv.1");
#else
int helper(int) __asm__("helper.lto_priv.0");
#endif
__attribute__((visibility("hidden"))) ALONE int helper(int x) { return use(x); }
int f(int x) { return helper(x) + 1; }
