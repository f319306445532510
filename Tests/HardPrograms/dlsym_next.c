// library: libfirst.so gcc -O2 -shared -fPIC -DPART=1
// library: libsecond.so gcc -O2 -shared -fPIC -DPART=2
// library: libthird.so gcc -O2 -shared -fPIC -DPART=3
// build: gcc -O2 -L$OUT -Wl,--no-as-needed -lfirst -lsecond -lthird
// also[clang]: clang -O2 -L$OUT -Wl,--no-as-needed -lfirst -lsecond -lthird
// counts: callgrind
// calls: main=1 foo=111 next=12 look=28 open_library=1
// A traced wrapper that tail-calls dlsym(RTLD_NEXT, …): dlsym looks at its return address to learn which library asks, so it
// must see the real one. Each library's foo() adds its digit and calls the next one's. And dlopen by a tail call.
#ifndef PART
#define PART 0
#endif
#include "hard.h"
#include <dlfcn.h>

#if PART
static TRACED void *next(const char *name) {
  return dlsym(RTLD_NEXT, name);
}

TRACED uint64_t foo(uint64_t x) {
  static uint64_t (*cached)(uint64_t);
  static int looked;
  if (!looked || x < 4) {
    cached = (uint64_t (*)(uint64_t))next("foo");
    looked = 1;
  }
  uint64_t below = cached ? cached(x) : x;
  KEEP;
  return below * 10 + PART;
}
#else
uint64_t foo(uint64_t x);

TRACED void *look(const char *name) {
  return dlsym(RTLD_DEFAULT, name);
}

TRACED void *open_library(const char *name) {
  return dlopen(name, RTLD_NOW | RTLD_NOLOAD);
}

int main(void) {
  for (uint64_t i = 0; i < 37; i++) {
    uint64_t result = foo(i);
    if (i % 12 == 0) printf("foo(%lu) = %lu\n", i, result);
  }
  for (int i = 0; i < 14; i++) REQUIRE(look("foo") == (void *)foo && !look("no such symbol"+i%2));
  REQUIRE(open_library("libsecond.so"));
  return 0;
}
#endif
