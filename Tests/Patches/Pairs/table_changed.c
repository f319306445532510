// rule: a static const table with other values: who reads it has changed, however far away
// changed: f g
#include "pair.h"
#if PATCH
static const unsigned char table[] = {3, 1, 4, 1, 5, 9, 2, 7};
#else
static const unsigned char table[] = {3, 1, 4, 1, 5, 9, 2, 6};
#endif
static const unsigned char others[] = {2, 7, 1, 8, 2, 8, 1, 8};
int f(int x) { return table[x & 7]; }
const unsigned char *g(void) { return table; }
int h(int x) { return others[x & 7]; }
