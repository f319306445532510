// build: gcc -O2 -pthread -DHOW=1
// also[segv]: gcc -O2 -pthread -DHOW=2
// also[kill]: gcc -O2 -pthread -DHOW=3
// also[exit]: gcc -O2 -pthread -DHOW=4
// also[underscore_exit]: gcc -O2 -pthread -DHOW=5
// also[quick_exit]: gcc -O2 -pthread -DHOW=6
// also[term]: gcc -O2 -pthread -DHOW=7
// also[trap]: gcc -O2 -pthread -DHOW=8
// also[kill_clang]: clang -O2 -pthread -DHOW=3
// status: 134
// status[segv]: 139
// status[kill]: 137
// status[kill_clang]: 137
// status[exit]: 3
// status[underscore_exit]: 4
// status[quick_exit]: 5
// status[term]: 143
// status[trap]: 132
// counts: listed
// calls: main=1 outer=1 nest=11 last=1 leaf=5003 other=1 other_open=1 at_the_end=any
// open: main outer nest last other other_open
// The process ends with frames open on two threads, in every way: abort, SIGSEGV, SIGKILL, exit, _exit, quick_exit, SIGTERM,
// an illegal instruction. The trace must be readable to the last event, the open frames shown, the status passed on.
#include "hard.h"
#include <pthread.h>
#include <signal.h>

static volatile int waiting;

TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 23 + 1;
}

TRACED void other_open(void) {
  leaf(1);
  __atomic_store_n(&waiting, 1, __ATOMIC_RELEASE);
  for (;;) pause();
}

TRACED void *other(void *argument) {
  other_open();
  KEEP;
  return argument;
}

TRACED void at_the_end(void) {
  KEEP;
}

// An instruction that there is none of.
#if defined(__aarch64__)
#define UNDEFINED ".inst 0"
#else
#define UNDEFINED "ud2"
#endif

TRACED uint64_t last(uint64_t sum) {
  leaf(sum);
  leaf(sum + 1);
  switch (HOW) {
  case 1: abort();
  case 2: *(volatile int *)8 = 1; break;
  case 3: kill(getpid(), SIGKILL); for (;;) pause();
  case 4: exit(3);
  case 5: _exit(4);
  case 6: quick_exit(5);
  case 7: raise(SIGTERM); break;
  case 8: __asm__ volatile(UNDEFINED); break;
  }
  KEEP;
  return sum;
}

TRACED uint64_t nest(int depth, uint64_t sum) {
  sum = depth ? nest(depth - 1, sum * 3) : last(sum);
  KEEP;
  return sum + depth;
}

TRACED uint64_t outer(uint64_t sum) {
  for (int i = 0; i < 5000; i++) sum = mix(sum, leaf(i));
  printf("%016lx\n", sum);
  fflush(stdout);
  sum = nest(10, sum);
  KEEP;
  return sum;
}

int main(void) {
  if (HOW == 4) atexit(at_the_end);
  if (HOW == 6) at_quick_exit(at_the_end);
  pthread_t id;
  REQUIRE(!pthread_create(&id, NULL, other, NULL));
  while (!__atomic_load_n(&waiting, __ATOMIC_ACQUIRE)) sched_yield();
  uint64_t sum = outer(1);
  KEEP;
  return (int)sum & 1;
}
