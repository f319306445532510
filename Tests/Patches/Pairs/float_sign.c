// rule: masks of sixteen bytes, as for fabs() and the sign
// changed: f
#include "pair.h"
double f(double x) {
#if PATCH
  return -x;
#else
  return __builtin_fabs(x);
#endif
}
double g(double x) { return __builtin_fabs(x); }
double h(double x) { return -x; }
