// Fibonacci numbers the slow way, timed from inside.
//
//   fib N REPEATS PAUSE     prints one line a repeat: nanoseconds of processor time and of wall time a call; the first
//                           two repeats only warm the caches and the buffers up, and are not printed. Between
//                           repeats it sleeps PAUSE milliseconds, so that whoever empties the buffers can catch up.
//   fib clock               prints what two reads of the time-stamp counter cost, in nanoseconds.
//
// gcc must neither inline the recursion nor make a loop of it: compiled with -fno-optimize-sibling-calls.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#define UNTRACED __attribute__((patchable_function_entry(0), noinline))

__attribute__((noinline, noclone)) uint64_t fib(uint64_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

UNTRACED static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

UNTRACED static void clock_cost(void) {
  const int rounds = 5000000;
  uint64_t sum = 0;
  for (int part = 0; part < 5; part++) {
    double start = now(CLOCK_THREAD_CPUTIME_ID);
    for (int n = 0; n < rounds; n++) {
      sum += __rdtsc();
      sum += __rdtsc();
    }
    double spent = now(CLOCK_THREAD_CPUTIME_ID) - start;
    __asm__ volatile("" ::"r"(sum));
    printf("%.3f\n", spent / rounds);
  }
}

UNTRACED int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "clock") == 0) {
    clock_cost();
    return 0;
  }
  if (argc != 4) return 2;
  uint64_t n = strtoull(argv[1], NULL, 10);
  int repeats = atoi(argv[2]), pause = atoi(argv[3]);
  // fib(n) makes 2 fib(n + 1) - 1 calls.
  uint64_t a = 0, b = 1;
  for (uint64_t k = 0; k < n + 1; k++) {
    uint64_t c = a + b;
    a = b;
    b = c;
  }
  double calls = 2.0 * a - 1;
  for (int k = 0; k < repeats + 2; k++) {
    if (pause > 0) nanosleep(&(struct timespec){pause / 1000, pause % 1000 * 1000000L}, NULL);
    double wall = now(CLOCK_MONOTONIC), processor = now(CLOCK_THREAD_CPUTIME_ID);
    uint64_t value = fib(n);
    processor = now(CLOCK_THREAD_CPUTIME_ID) - processor;
    wall = now(CLOCK_MONOTONIC) - wall;
    __asm__ volatile("" ::"r"(value));
    if (k >= 2) printf("%.4f %.4f\n", processor / calls, wall / calls);
  }
  return 0;
}
