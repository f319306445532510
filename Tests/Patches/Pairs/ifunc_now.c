// rule: a function becomes an IFUNC
// added: one
// refused: symbol-kind f
#include "pair.h"
typedef int function(int);
#if PATCH
static int one(int x) { return use(x) + 1; }
static function *resolve(void) { return one; }
int f(int) __attribute__((ifunc("resolve")));
#else
int f(int x) { return use(x) + 1; }
#endif
int h(int x) { return use(x); }
