// build: gcc -O2
// also[clang]: clang -O2
// counts: callgrind
// calls: main=1 retry=300 attempt=900 step=900 saved=1 keep=300
// setjmp returns again and again in the same frame, and from a frame below the traced ones it called meanwhile.
#include "hard.h"
#include <setjmp.h>

static jmp_buf again;
static jmp_buf kept;

TRACED uint64_t step(uint64_t x) {
  KEEP;
  return x * 13 + 5;
}

TRACED void attempt(int tries) {
  uint64_t x = step(tries);
  if (tries < 3) longjmp(again, tries + 1 + (int)(x & 0));
  KEEP;
}

TRACED uint64_t retry(uint64_t x) {
  volatile uint64_t sum = x;
  int tries = setjmp(again);
  if (tries == 0) tries = 1;
  sum = mix(sum, tries);
  attempt(tries);
  return sum;
}

TRACED void keep(int i) {
  longjmp(kept, i + 1);
}

TRACED uint64_t saved(void) {
  volatile uint64_t sum = 0;
  volatile int i = setjmp(kept);
  sum = mix(sum, i);
  if (i < 300) {
    keep(i);
    KEEP;
  }
  return sum;
}

int main(void) {
  uint64_t sum = 0;
  for (int i = 0; i < 300; i++) sum = mix(sum, retry(i));
  sum = mix(sum, saved());
  printf("%016lx\n", sum);
  return 0;
}
