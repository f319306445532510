// rule: vectorised loops with constants of sixteen bytes
// changed: f
#include "pair.h"
void f(int *restrict a, const int *restrict b, int n) {
#if PATCH
  for (int i = 0; i < n; i++) a[i] = b[i] * 12347 + i;
#else
  for (int i = 0; i < n; i++) a[i] = b[i] * 12345 + i;
#endif
}
void g(int *restrict a, const int *restrict b, int n) {
  for (int i = 0; i < n; i++) a[i] = b[i] * 12345 + i;
}
void h(float *restrict a, int n) {
  for (int i = 0; i < n; i++) a[i] *= 1.5f;
}
