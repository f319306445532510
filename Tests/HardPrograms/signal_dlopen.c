// library: libplugin.so gcc -O2 -shared -fPIC -DPART
// build: gcc -O2 -pthread
// counts: listed
// opens: libplugin.so=19
// calls: main=1 tick=own in_tick=own fib=own unit=own plugged=own
// Libraries with many call sites, opened and closed again and again, so that the tracer must map more memory for them, by remote
// calls in whichever thread stops first: each has a timer's signals of its own, and stands in trampolines much of the time.
#include "hard.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#ifdef PART
#define ONE(n) __attribute__((used)) static TRACED uint64_t filler_##n(uint64_t x) { return x + n; }
#define TEN(n) ONE(n##0) ONE(n##1) ONE(n##2) ONE(n##3) ONE(n##4) ONE(n##5) ONE(n##6) ONE(n##7) ONE(n##8) ONE(n##9)
#define HUNDRED(n) TEN(n##0) TEN(n##1) TEN(n##2) TEN(n##3) TEN(n##4) TEN(n##5) TEN(n##6) TEN(n##7) TEN(n##8) TEN(n##9)
HUNDRED(1) HUNDRED(2) HUNDRED(3) HUNDRED(4) HUNDRED(5) HUNDRED(6) HUNDRED(7) HUNDRED(8)

TRACED uint64_t plugged(uint64_t x) {
  KEEP;
  return x * 3 + 1;
}
#else
enum { WORKERS = 2, ROUNDS = 19 };

static unsigned long ticks[WORKERS], in_ticks[WORKERS], fibs[WORKERS], units[WORKERS], pluggeds;
static __thread int who;
static volatile int stop;

TRACED uint64_t in_tick(uint64_t x) {
  in_ticks[who]++;
  return x * 5 + 1;
}

TRACED void tick(int signal) {
  ticks[who]++;
  REQUIRE(in_tick(signal) == 5u * signal + 1);
}

TRACED uint64_t fib(unsigned n) {
  fibs[who]++;
  if (n < 2) return n;
  uint64_t a = fib(n - 1);
  uint64_t b = fib(n - 2);
  KEEP;
  return a + b;
}

TRACED void unit(void) {
  units[who]++;
  REQUIRE(fib(12) == 144);
  KEEP;
}

UNTRACED static void *work(void *argument) {
  who = (int)(intptr_t)argument;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
  event._sigev_un._tid = (int)syscall(SYS_gettid);
  timer_t timer;
  REQUIRE(!timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec every = {{0, 150000 * pace()}, {0, 150000 * pace()}};
  REQUIRE(!timer_settime(timer, 0, &every, NULL));
  while (!stop || ticks[who] < 50) unit();
  struct itimerspec none = {{0, 0}, {0, 0}};
  REQUIRE(!timer_settime(timer, 0, &none, NULL));
  // A signal that is pending still comes before this call ends.
  syscall(SYS_sched_yield);
  REQUIRE(!timer_delete(timer));
  return NULL;
}

int main(void) {
  struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
  REQUIRE(!sigaction(SIGUSR1, &action, NULL));
  char path[8192];
  ssize_t length = readlink("/proc/self/exe", path, 4096);
  REQUIRE(length > 0);
  path[length] = 0;
  strcpy(strrchr(path, '/'), "/libplugin.so");
  pthread_t threads[WORKERS];
  for (long i = 0; i < WORKERS; i++) REQUIRE(!pthread_create(&threads[i], NULL, work, (void *)i));
  uint64_t x = 1;
  for (int i = 0; i < ROUNDS; i++) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library);
    uint64_t (*plugged)(uint64_t) = (uint64_t (*)(uint64_t))dlsym(library, "plugged");
    REQUIRE(plugged);
    x = plugged(x);
    pluggeds++;
    REQUIRE(!dlclose(library));
  }
  stop = 1;
  for (int i = 0; i < WORKERS; i++) REQUIRE(!pthread_join(threads[i], NULL));
  printf("%016lx\n", x);
  for (int i = 0; i < WORKERS; i++) REQUIRE(in_ticks[i] == ticks[i]);
  own_count("tick", ticks[0] + ticks[1]);
  own_count("in_tick", in_ticks[0] + in_ticks[1]);
  own_count("fib", fibs[0] + fibs[1]);
  own_count("unit", units[0] + units[1]);
  own_count("plugged", pluggeds);
  return 0;
}
#endif
