// rule: a static function becomes one that others can call: it is the same function
#include "pair.h"
#if !PATCH
static
#endif
ALONE int f(int x) { return use(x); }
int (*g(void))(int);
int h(int x) { return use(x); }
#if !PATCH
static __attribute__((used)) int (*const keep)(int) = f;
#endif
