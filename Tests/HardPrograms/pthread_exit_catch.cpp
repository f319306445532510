// build: g++ -O2 -pthread
// also[clang]: clang++ -O2 -pthread
// also[static_libgcc]: g++ -O2 -pthread -static-libgcc
// counts: callgrind
// calls: main=1 start(void*)=40 catching(int)=40 leaving(int)=40 Noted::~Noted()=80
// needs-slow: unwound
// pthread_exit under catch (...) { throw; }: the forced unwind stops in the handler, which enters
// _Unwind_Resume_or_Rethrow, and goes on; destructors run in order.
#include "hard.h"
#include <pthread.h>

static thread_local uint64_t sum;
static uint64_t results[40];

struct Noted {
  uint64_t tag;
  uint64_t *last;
  TRACED ~Noted() {
    sum = mix(sum, tag);
    if (last) *last = sum;
  }
};

TRACED void leaving(int i) {
  Noted noted{uint64_t(i), nullptr};
  sum = mix(sum, i);
  pthread_exit((void *)(intptr_t)i);
}

TRACED void catching(int i) {
  try {
    leaving(i);
  } catch (...) {
    sum = mix(sum, 99);
    throw;
  }
}

TRACED void *start(void *argument) {
  int i = (int)(intptr_t)argument;
  Noted noted{7, &results[i]};
  catching(i);
  return nullptr;
}

int main() {
  uint64_t total = 0;
  for (int i = 0; i < 40; i++) {
    pthread_t thread;
    void *result;
    REQUIRE(!pthread_create(&thread, nullptr, start, (void *)(intptr_t)i));
    REQUIRE(!pthread_join(thread, &result));
    total = mix(mix(total, results[i]), (uintptr_t)result);
  }
  printf("%016lx\n", total);
  return 0;
}
