// Two functions that call each other in tail position COUNT times.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline, noclone)) uint64_t odd(uint64_t n, uint64_t sum);

__attribute__((noinline, noclone)) uint64_t even(uint64_t n, uint64_t sum) {
  return n == 0 ? sum : odd(n - 1, sum + n);
}

__attribute__((noinline, noclone)) uint64_t odd(uint64_t n, uint64_t sum) {
  return n == 0 ? sum : even(n - 1, sum ^ n);
}

int main(int argc, char **argv) {
  uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000000;
  printf("%llu\n", (unsigned long long)even(count, 0));
  return 0;
}
