// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// also[cet]: gcc -O2 -pthread -fcf-protection=full
// counts: listed
// oracle: gcov
// calls: main=1 handler=501 nested=501 in_handler=1002 under=501 second=1 overflowing=1 overflow=any on_overflow=any
// needs-slow: unwound
// Handlers on an alternate stack, nested, under traced frames, on two threads; then a stack overflow that is caught
// on the alternate stack and left by siglongjmp, over thousands of open traced frames.
#include "hard.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

static __thread volatile uint64_t seen;
static sigjmp_buf escape;
static volatile unsigned long overflow_calls;

TRACED uint64_t in_handler(uint64_t x) {
  KEEP;
  return x * 7 + 3;
}

TRACED void nested(int signal) {
  seen = mix(seen, in_handler(signal));
}

TRACED void handler(int signal) {
  seen = mix(seen, in_handler(signal));
  if (signal == SIGUSR1) raise(SIGUSR2);
  seen = mix(seen, signal);
}

TRACED uint64_t under(uint64_t x) {
  raise(SIGUSR1);
  KEEP;
  return mix(x, seen);
}

TRACED void on_overflow(int signal) {
  (void)signal;
  siglongjmp(escape, 1);
}

TRACED uint64_t overflow(uint64_t x) {
  volatile char room[200];
  room[0] = (char)x;
  overflow_calls++;
  uint64_t result = overflow(x + room[0]);
  KEEP;
  return result + room[0];
}

UNTRACED static void use_alternate(void) {
  size_t size = 64 * 1024;
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  stack_t stack = {.ss_sp = memory, .ss_size = size};
  REQUIRE(!sigaltstack(&stack, NULL));
}

TRACED void *second(void *argument) {
  use_alternate();
  return (void *)(uintptr_t)under((uintptr_t)argument);
}

TRACED void *overflowing(void *argument) {
  use_alternate();
  // Counted apart (see `overflow=any`): coverage would count it too.
  if (getenv("HARD_ORACLE")) return (void *)(uintptr_t)under(11);
  if (sigsetjmp(escape, 1) == 0) return (void *)(uintptr_t)overflow((uintptr_t)argument);
  return (void *)(uintptr_t)under(11);
}

int main(void) {
  use_alternate();
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  action.sa_handler = nested;
  sigaction(SIGUSR2, &action, NULL);
  action.sa_handler = on_overflow;
  sigaction(SIGSEGV, &action, NULL);

  uint64_t sum = 0;
  for (int i = 0; i < 499; i++) sum = under(sum);
  printf("main %016lx\n", sum);
  void *result;
  pthread_t id;
  REQUIRE(!pthread_create(&id, NULL, second, (void *)5));
  REQUIRE(!pthread_join(id, &result));
  printf("second %016lx\n", (uintptr_t)result);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(!pthread_attr_setstacksize(&attributes, 1 << 20));
  REQUIRE(!pthread_create(&id, &attributes, overflowing, (void *)5));
  REQUIRE(!pthread_join(id, &result));
  printf("after overflow %016lx\n", (uintptr_t)result);
  own_count("overflow", overflow_calls);
  return 0;
}
