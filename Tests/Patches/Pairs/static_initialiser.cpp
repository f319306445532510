// rule: a variable of the file starts with another value computed at start
// refused: constructor *, constructor *
// refused[O1,O2,O3]: constructor *
#include "pair.h"
#if PATCH
int started = use(6);
#else
int started = use(5);
#endif
int f(int x) { return started += x; }
