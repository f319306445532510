// rule: floating constants stand in merged sections: by their contents
// changed: f
#include "pair.h"
double f(double x) {
#if PATCH
  return x * 3.25 + 1.125;
#else
  return x * 3.75 + 1.125;
#endif
}
double g(double x) { return x * 3.75 - 1.125; }
float h(float x) { return x * 0.3f; }
