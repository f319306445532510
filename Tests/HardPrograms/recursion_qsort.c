// build: gcc -O2
// counts: callgrind
// Traced comparisons called back by the C library, which themselves sort: traced frames with untraced ones between.
#include "hard.h"
#include <string.h>

static int depth;
static uint64_t comparisons;

TRACED int by_value(const void *a, const void *b);

TRACED uint64_t sort_some(unsigned seed, int count) {
  int values[64];
  for (int i = 0; i < count; i++) {
    seed = seed * 1103515245 + 12345;
    values[i] = seed >> 16 & 1023;
  }
  qsort(values, count, sizeof values[0], by_value);
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) sum = mix(sum, values[i]);
  return sum;
}

TRACED int by_value(const void *a, const void *b) {
  int x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  comparisons++;
  if (depth < 3 && (x + y) % 5 == 0) {
    depth++;
    comparisons += sort_some(x * 1024 + y, 12) & 1;
    depth--;
  }
  return (x > y) - (x < y);
}

int main(void) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < 40; i++) sum = mix(sum, sort_some(i, 64));
  printf("%016lx after %lu\n", sum, comparisons);
  return 0;
}
