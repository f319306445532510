// rule: a new destructor: the list of what runs at exit is data that exists already
// refused: constructor stop
#include "pair.h"
int state;
#if PATCH
__attribute__((destructor)) static void stop(void) { state = use(2); }
#endif
int f(int x) { return state += x; }
