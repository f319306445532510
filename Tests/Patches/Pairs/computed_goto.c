// rule: a constant table of labels belongs to its function
// changed: f
#include "pair.h"
int f(const unsigned char *p) {
  static const void *const labels[] = {&&stop, &&up, &&down, &&twice};
  int x = 0;
#if PATCH
  x = use(1);
#endif
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
int g(const unsigned char *p) {
  static const void *const labels[] = {&&stop, &&up};
  int x = 0;
  goto *labels[*p++ & 1];
up:
  x += use(x);
  goto *labels[*p++ & 1];
stop:
  return x;
}
