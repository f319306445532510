// library: libcxxfar.so g++ -O2 -shared -fPIC -DPART=1 -Wl,-Ttext-segment=0x320000000000
// build: g++ -O2 -no-pie -L$OUT -Wl,--no-as-needed -lcxxfar
// also[clang]: clang++ -O2 -no-pie -L$OUT -Wl,--no-as-needed -lcxxfar
// counts: listed
// calls: main=1 up(int, unsigned long)=2100 down(int, unsigned long, unsigned long (*)(int, unsigned long))=2100 fail(unsigned long)=100
// Exceptions through frames of two modules that no branch reaches from one to another, in turn; the unwinder is in a third.
#ifndef PART
#define PART 0
#endif
#include "hard.h"

typedef uint64_t up_type(int, uint64_t);
uint64_t down(int depth, uint64_t x, up_type *up);

struct Failure {
  uint64_t value;
};

#if PART
TRACED void fail(uint64_t x) {
  throw Failure{x};
}

TRACED uint64_t down(int depth, uint64_t x, up_type *up) {
  if (depth == 0) fail(x);
  // Some frames look at what passes, and one lets it go on.
  try {
    x = up(depth, x + 1);
  } catch (Failure &failure) {
    if (depth % 5 == 0) throw Failure{mix(failure.value, 5)};
    throw;
  }
  KEEP;
  return x;
}
#else
TRACED uint64_t up(int depth, uint64_t x) {
  x = down(depth - 1, x * 3, up);
  KEEP;
  return x;
}

int main() {
  uint64_t sum = 0;
  for (int i = 0; i < 100; i++) {
    try {
      sum = up(21, sum + (uint64_t)i);
    } catch (Failure &failure) {
      sum = mix(sum, failure.value);
    }
    if (i % 20 == 19) printf("%016lx\n", (unsigned long)sum);
  }
  return 0;
}
#endif
