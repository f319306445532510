// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: listed
// calls: main=1 tick=own in_tick=own nested=own unit=own fib=own
// A timer signal a thousand times a second, whose handler calls traced functions and raises another signal, under
// heavy traced calls on two threads: it interrupts trampolines at every instruction, sooner or later.
#include "hard.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile unsigned long ticks, in_ticks, nesteds, sink;
static unsigned long units[2], fibs[2];

TRACED uint64_t in_tick(uint64_t x) {
  __atomic_add_fetch(&in_ticks, 1, __ATOMIC_RELAXED);
  return x * 5 + 1;
}

TRACED void nested(int signal) {
  __atomic_add_fetch(&nesteds, 1, __ATOMIC_RELAXED);
  sink += in_tick(signal);
}

TRACED void tick(int signal) {
  unsigned long now = __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED);
  sink += in_tick(signal) + in_tick(now);
  if (now % 4 == 0) raise(SIGUSR1);
}

TRACED uint64_t fib(unsigned n, unsigned long *count) {
  ++*count;
  if (n < 2) return n;
  uint64_t a = fib(n - 1, count);
  uint64_t b = fib(n - 2, count);
  KEEP;
  return a + b;
}

TRACED uint64_t unit(int who) {
  units[who]++;
  uint64_t result = fib(16, &fibs[who]);
  KEEP;
  return result;
}

UNTRACED static void *run(void *argument) {
  int who = (int)(intptr_t)argument;
  for (int i = 0; i < 200 || ticks < 150; i++) REQUIRE(unit(who) == 987);
  return NULL;
}

int main(void) {
  struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART | SA_NODEFER};
  sigaction(SIGALRM, &action, NULL);
  action.sa_handler = nested;
  sigaction(SIGUSR1, &action, NULL);
  struct itimerval every = {{0, 1000 * pace()}, {0, 1000 * pace()}};
  setitimer(ITIMER_REAL, &every, NULL);
  pthread_t id;
  REQUIRE(!pthread_create(&id, NULL, run, (void *)1));
  run((void *)0);
  REQUIRE(!pthread_join(id, NULL));
  struct itimerval none = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &none, NULL);
  // A timer that has fired stays pending until its handler has run.
  struct timespec pause = {0, 20000000};
  nanosleep(&pause, NULL);
  REQUIRE(in_ticks == 2 * ticks + nesteds);
  printf("fib(16) was 987 every time; ticks came\n");
  own_count("tick", ticks);
  own_count("in_tick", in_ticks);
  own_count("nested", nesteds);
  own_count("unit", units[0] + units[1]);
  own_count("fib", fibs[0] + fibs[1]);
  return 0;
}
