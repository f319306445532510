// rule: floating constants in other places of their section
// changed: e
#include "pair.h"
#if PATCH
double e(double x) { return x * 0.0123; }
double g(double x) { return x * 9.87; }
double f(double x) { return x * 1.23; }
#else
double e(double x) { return x * 0.0124; }
double f(double x) { return x * 1.23; }
double g(double x) { return x * 9.87; }
#endif
