// rule: wide strings, in sections of their own
// changed: f
#include "pair.h"
void f(void) {
#if PATCH
  take((void *)L"wide one");
#else
  take((void *)L"wide two");
#endif
}
void g(void) { take((void *)L"wide"); }
