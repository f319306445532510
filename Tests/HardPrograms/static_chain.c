// build: gcc -O2
// also[static]: gcc -O2 -static
// counts: callgrind
// calls: main=1 outer=1000 inner.0=8000
// gcc's nested functions: the static chain arrives in r10.
#include "hard.h"

TRACED uint64_t outer(uint64_t x) {
  uint64_t sum = x, calls = 0;
  __attribute__((noipa)) uint64_t inner(int depth, uint64_t y) {
    calls++;
    sum = mix(sum, y);
    uint64_t below = depth ? inner(depth - 1, y * 3) : y;
    KEEP;
    return below + sum;
  }
  for (int i = 0; i < 2; i++) sum += inner(3, x + i);
  return sum + calls;
}

int main(void) {
  uint64_t sum = 0;
  for (int i = 0; i < 1000; i++) sum = mix(sum, outer(i));
  printf("%016lx\n", sum);
  return 0;
}
