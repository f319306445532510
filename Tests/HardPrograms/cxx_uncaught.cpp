// build: g++ -O2
// also[noexcept]: g++ -O2 -DNOEXCEPT=noexcept
// also[clang]: clang++ -O2
// also[static_libgcc]: g++ -O2 -static-libgcc
// status: 134
// counts: callgrind
// calls: main=1 outer(int)=1 middle(int)=1 thrower(int)=1 last_words()=1
// open: main outer(int) middle(int)
// An exception that nobody catches: the search reaches the end of the stack (or a noexcept frame), terminate runs with
// the frames still open, the process dies by SIGABRT.
#include "hard.h"
#include <exception>
#include <stdexcept>
#ifndef NOEXCEPT
#define NOEXCEPT
#endif

TRACED void last_words() {
  printf("terminating: %s\n", std::current_exception() ? "an exception is in flight" : "no exception");
  fflush(stdout);
  abort();
}

TRACED int thrower(int i) {
  KEEP;
  throw std::runtime_error("nobody catches this");
  return i;
}

TRACED int middle(int i) NOEXCEPT {
  int result = thrower(i);
  KEEP;
  return result + 1;
}

TRACED int outer(int i) {
  int result = middle(i);
  KEEP;
  return result + 2;
}

int main() {
  std::set_terminate(last_words);
  printf("before\n");
  int result = outer(1);
  KEEP;
  printf("not reached %d\n", result);
  return 0;
}
