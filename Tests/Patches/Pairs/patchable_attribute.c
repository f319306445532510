// rule: one function's patchable entry has another size
// arches: x86_64 arm64
// changed: f
#include "pair.h"
#if PATCH
__attribute__((patchable_function_entry(9)))
#else
__attribute__((patchable_function_entry(5)))
#endif
int f(int x) { return use(x); }
int g(int x) { return use(x) + 1; }
