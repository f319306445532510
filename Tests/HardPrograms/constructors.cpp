// library: libbuilt.so g++ -O2 -shared -fPIC -DPART=1
// build: g++ -O2 -pthread -L$OUT -Wl,--no-as-needed -lbuilt
// also[clang]: clang++ -O2 -pthread -L$OUT -Wl,--no-as-needed -lbuilt
// also[static]: g++ -O2 -pthread -static -DPART=2
// counts: callgrind
// calls: main=1
// Code before main and after it: constructors with priorities and C++ globals of a library and of the executable, init and
// fini arrays, atexit, destructors, thread_local destructors. All before main's first instruction must be counted.
#ifndef PART
#define PART 0
#endif
#include "hard.h"
#include <thread>

#define SAY(text) (void)!write(1, text "\n", sizeof text)

TRACED static uint64_t work(uint64_t x) {
  for (int i = 0; i < 10; i++) x = mix(x, i);
  KEEP;
  return x;
}

template <int Tag> struct Global {
  uint64_t value;
  TRACED Global() : value(work(Tag)) { SAY("global made"); }
  TRACED ~Global() {
    value = work(value);
    SAY("global gone");
  }
};

static Global<PART> global;

#if PART != 2
__attribute__((constructor(101))) static void early() {
  work(1);
  SAY("constructor 101");
}
__attribute__((constructor(65000))) static void late() {
  work(2);
  SAY("constructor 65000");
}
__attribute__((destructor)) static void gone() {
  work(3);
  SAY("destructor");
}
#endif

#if PART == 1
TRACED uint64_t library_function(uint64_t x) {
  return work(x) + global.value;
}
#else
uint64_t library_function(uint64_t x);
#if PART == 2
TRACED uint64_t library_function(uint64_t x) {
  return work(x) + global.value;
}
#endif

extern "C" TRACED void with_arguments(int count, char **arguments, char **) {
  if (count == 1 && arguments[0]) work(5);
  SAY("init_array");
}
__asm__(".pushsection .init_array,\"aw\"\n  .p2align 3\n  .quad with_arguments\n.popsection");

TRACED void at_exit() {
  work(6);
  SAY("atexit");
}

static thread_local Global<7> of_thread;

int main() {
  atexit(at_exit);
  SAY("main");
  std::thread([] { of_thread.value = work(of_thread.value); }).join();
  uint64_t sum = library_function(work(8)) + global.value;
  char text[32];
  int length = snprintf(text, sizeof text, "%016lx\n", sum);
  (void)!write(1, text, length);
  return 0;
}
#endif
