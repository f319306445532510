// rule: a call moves into the try block: the table's ranges differ, the code perhaps not
// changed: f(int)
#include "pair.h"
int f(int x) {
#if PATCH
  int sum = 0;
  try {
    sum += use(x);
    sum += other(x);
  } catch (int) {
    return -1;
  }
#else
  int sum = use(x);
  try {
    sum += other(x);
  } catch (int) {
    return -1;
  }
#endif
  return sum;
}
int g(int x) {
  try {
    return use(x);
  } catch (int) {
    return 2;
  }
}
