// rule: a writable table of labels: the running program's holds places inside the old code, where new code must not go
// changed: f
// refused: data-value labels
#include "pair.h"
int f(const unsigned char *p) {
  static void *labels[] = {&&stop, &&up, &&down, &&twice};
  int x = 0;
#if PATCH
  x = use(1) + other(6);
#endif
  if (*p == 255) labels[1] = labels[2];
  goto *labels[*p++ & 3];
up:
  x += use(x);
  goto *labels[*p++ & 3];
down:
  x -= other(x);
  goto *labels[*p++ & 3];
twice:
  x *= use(2);
  goto *labels[*p++ & 3];
stop:
  return x;
}
