// build: clang -O2
// also[static]: clang -O2 -static
// also[eight]: clang -O2 -fpatchable-function-entry=8
// counts: callgrind
// calls: main=1 most=5000 all=5000 most_nested=5000 inner=5000 caller=5000
// Callers that keep values in registers which an ordinary call may clobber: clang's preserve_most and preserve_all.
#include "hard.h"

#if defined(__aarch64__)
#define VECTOR "+w"
#else
#define VECTOR "+x"
#endif

static volatile uint64_t sink;

TRACED __attribute__((preserve_most)) uint64_t most(uint64_t x) {
  KEEP;
  return x + 1;
}

TRACED __attribute__((preserve_all)) uint64_t all(uint64_t x) {
  KEEP;
  return x + 2;
}

TRACED uint64_t inner(uint64_t x) {
  KEEP;
  return x * 3;
}

TRACED __attribute__((preserve_most)) uint64_t most_nested(uint64_t x) {
  uint64_t result = inner(x);
  KEEP;
  return result + 1;
}

// Far more live values than callee-saved registers, in integers and doubles, over each of the three calls.
TRACED uint64_t caller(uint64_t x) {
  uint64_t a = x * 3, b = x * 5, c = x * 7, d = x * 11, e = x * 13, f = x * 17, g = x * 19, h = x * 23, i = x * 29;
  double p = (double)x / 3, q = (double)x / 5, r = (double)x / 7, s = (double)x / 9;
  __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g), "+r"(h), "+r"(i));
  __asm__ volatile("" : VECTOR(p), VECTOR(q), VECTOR(r), VECTOR(s));
  uint64_t one = most(x);
  __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g), "+r"(h), "+r"(i));
  uint64_t two = all(one);
  __asm__ volatile("" : VECTOR(p), VECTOR(q), VECTOR(r), VECTOR(s));
  __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g), "+r"(h), "+r"(i));
  uint64_t three = most_nested(two);
  __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g), "+r"(h), "+r"(i));
  uint64_t sum = mix(mix(mix(mix(a, b), mix(c, d)), mix(mix(e, f), mix(g, h))), mix(i, one + two + three));
  return mix(sum, (uint64_t)(p * 1000 + q * 100 + r * 10 + s));
}

int main(void) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 5000; i++) sum = mix(sum, caller(i));
  sink = sum;
  printf("%016lx\n", sum);
  return 0;
}
