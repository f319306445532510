// build: gcc -O2
// also[clang]: clang -O2
// also[static]: gcc -O2 -static
// also[static_pie]: gcc -O2 -static-pie -fPIE
// also[no_pie]: gcc -O2 -no-pie -fno-pie
// also[eight_three]: gcc -O2 -fpatchable-function-entry=8,3
// also[cet]: gcc -O2 -fcf-protection=full
// counts: callgrind
// calls: main=1 round_trip=1000 dig=50680 leaf=2500 interrupted=500 handler=500 from_handler=500
// needs-slow: unwound
// longjmp and siglongjmp over traced frames: from the depth, from a handler, from a handler on an alternate stack. The
// frames left are never returned to; those below must be.
#include "hard.h"
#include <setjmp.h>
#include <signal.h>

static jmp_buf back;
static sigjmp_buf out_of_handler;
static char alternate[65536];

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 9 + 1;
}

TRACED void dig(int depth) {
  KEEP;
  if (depth == 0) longjmp(back, (int)(leaf(3) & 0xff) + 1);
  dig(depth - 1);
  KEEP;
}

// dig is called i % 102 + 1 times.
TRACED uint64_t round_trip(int i) {
  volatile uint64_t sum = leaf(i);
  int landed = setjmp(back);
  if (landed == 0) dig(i % 102);
  return mix(sum, landed);
}

TRACED void from_handler(int signal) {
  siglongjmp(out_of_handler, signal);
}

TRACED void handler(int signal) {
  from_handler(signal);
  KEEP;
}

TRACED uint64_t interrupted(int i) {
  volatile uint64_t sum = i;
  int landed = sigsetjmp(out_of_handler, 1);
  if (landed == 0) raise(i % 2 ? SIGUSR1 : SIGUSR2);
  return mix(sum, leaf(landed));
}

int main(void) {
  uint64_t sum = 0;
  for (int i = 0; i < 1000; i++) sum = mix(sum, round_trip(i));
  printf("longjmp %016lx\n", sum);
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  REQUIRE(!sigaltstack(&stack, NULL));
  struct sigaction action = {.sa_handler = handler};
  sigaction(SIGUSR1, &action, NULL);
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR2, &action, NULL);
  for (int i = 0; i < 500; i++) sum = mix(sum, interrupted(i));
  printf("siglongjmp %016lx\n", sum);
  return 0;
}
