// build: gcc -O2
// also[now]: gcc -O2 -Wl,-z,now
// also[static]: gcc -O2 -static
// also[static_pie]: gcc -O2 -static-pie -fPIE
// also[clang]: clang -O2
// also[cet]: gcc -O2 -fcf-protection=full
// counts: callgrind
// calls: main=1 chosen=5001 other=0 resolve=any caller=5000
// IFUNCs: the resolver runs while relocations are applied, in a static program before the thread pointer is set.
#include "hard.h"

typedef uint64_t function(uint64_t);

TRACED uint64_t chosen(uint64_t x) {
  KEEP;
  return x * 43 + 1;
}

TRACED uint64_t other(uint64_t x) {
  KEEP;
  return x;
}

function *resolve(void);
#if defined(__x86_64__)
function *resolve(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse2") ? chosen : other;
}
#else
static volatile int has = 1;
function *resolve(void) { return has ? chosen : other; }
#endif

uint64_t indirect(uint64_t x) __attribute__((ifunc("resolve")));

static function *volatile pointer = indirect;

TRACED uint64_t caller(uint64_t x) {
  uint64_t result = indirect(x);
  KEEP;
  return result + 1;
}

int main(void) {
  uint64_t sum = 0;
  for (int i = 0; i < 5000; i++) sum = mix(sum, caller(i));
  sum = mix(sum, pointer(sum));
  printf("%016lx\n", sum);
  return 0;
}
