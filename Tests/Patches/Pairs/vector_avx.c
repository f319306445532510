// rule: constants of 32 bytes
// flags: -mavx2
// arches: x86_64
// changed: f
#include "pair.h"
void f(int *restrict a, const int *restrict b) {
#if PATCH
  for (int i = 0; i < 8; i++) a[i] = b[i] * 3 + (i ^ 5) * 1117;
#else
  for (int i = 0; i < 8; i++) a[i] = b[i] * 3 + (i ^ 5) * 1113;
#endif
}
void g(int *restrict a, const int *restrict b) {
  for (int i = 0; i < 8; i++) a[i] = b[i] * 3 + (i ^ 5) * 1111;
}
