// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: callgrind
// calls: main=1 run=3 fib=59190 leaf=30000 burst=30000
// Threads that do nothing but call. kill.py and drop.py use it with arguments:
//   cpu_threads [ROUNDS [RESULT_FILE [PID_FILE]]]
// The result is also written to RESULT_FILE, complete or not at all; the process id to PID_FILE at the start.
#include "hard.h"
#include <pthread.h>
#include <string.h>

#define THREADS 3

static int rounds = 10;
static struct { unsigned long fib, leaf, burst; uint64_t sum; } mine[THREADS];

TRACED uint64_t fib(unsigned n, int me) {
  mine[me].fib++;
  if (n < 2) return n;
  uint64_t a = fib(n - 1, me), b = fib(n - 2, me);
  KEEP;
  return a + b;
}

TRACED uint64_t leaf(uint64_t x, int me) {
  mine[me].leaf++;
  return x * 73 + 1;
}

TRACED uint64_t burst(uint64_t x, int me) {
  mine[me].burst++;
  return leaf(x, me);
}

TRACED void *run(void *argument) {
  int me = (int)(intptr_t)argument;
  uint64_t sum = me;
  for (int i = 0; i < rounds; i++) {
    sum = mix(sum, fib(15, me));
    for (int j = 0; j < 1000; j++) sum = mix(sum, burst(sum, me));
  }
  mine[me].sum = sum;
  return NULL;
}

UNTRACED static void put(const char *path, const char *text) {
  char fresh[4096];
  snprintf(fresh, sizeof fresh, "%s.new", path);
  FILE *file = fopen(fresh, "w");
  REQUIRE(file && fputs(text, file) >= 0 && !fclose(file) && !rename(fresh, path));
}

int main(int count, char **arguments) {
  char text[256] = "";
  if (count > 1) rounds = atoi(arguments[1]);
  if (count > 3) {
    snprintf(text, sizeof text, "%d\n", (int)getpid());
    put(arguments[3], text);
  }
  pthread_t threads[THREADS];
  for (intptr_t i = 0; i < THREADS; i++) REQUIRE(!pthread_create(&threads[i], NULL, run, (void *)i));
  unsigned long fibs = 0, leaves = 0, bursts = 0;
  size_t length = 0;
  for (int i = 0; i < THREADS; i++) {
    REQUIRE(!pthread_join(threads[i], NULL));
    fibs += mine[i].fib;
    leaves += mine[i].leaf;
    bursts += mine[i].burst;
    length += snprintf(text + length, sizeof text - length, "%016lx\n", mine[i].sum);
  }
  fputs(text, stdout);
  if (count > 2) put(arguments[2], text);
  own_count("main", 1);
  own_count("run", THREADS);
  own_count("fib", fibs);
  own_count("leaf", leaves);
  own_count("burst", bursts);
  return 0;
}
