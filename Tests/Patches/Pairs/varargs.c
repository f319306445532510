// rule: a function with variable arguments
// changed: sum
#include <stdarg.h>
#include "pair.h"
int sum(int n, ...) {
  va_list list;
  va_start(list, n);
  int s = 0;
#if PATCH
  while (n-- > 0) s += va_arg(list, int) * 2;
#else
  while (n-- > 0) s += va_arg(list, int);
#endif
  va_end(list);
  return s;
}
int h(int x) { return use(x); }
