// rule: a constant that is reached through another: the values' reader has changed
// changed: f
#include "pair.h"
#if PATCH
static const int small[] = {1, 2, 3, 5};
#else
static const int small[] = {1, 2, 3, 4};
#endif
static const int large[] = {10, 20, 30, 40};
static const int *const both[] = {small, large};
static const int *const one[] = {large, large};
int f(int x, int y) { return both[x & 1][y & 3]; }
int g(int x, int y) { return one[x & 1][y & 3]; }
