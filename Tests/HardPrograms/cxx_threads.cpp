// build: g++ -O2 -pthread
// also[clang]: clang++ -O2 -pthread
// also[static_libgcc]: g++ -O2 -pthread -static-libgcc
// counts: callgrind
// needs-slow: unwound,re_armed
// calls: main=1 one_round(int, int)=6000
// Exceptions on four threads at once, each through frames with and without cleanups.
#include "hard.h"
#include <stdexcept>
#include <thread>
#include <vector>

struct Tag {
  uint64_t &sum;
  uint64_t value;
  TRACED ~Tag() { sum = mix(sum, value); }
};

TRACED void dig(int depth, int i) {
  KEEP;
  if (depth == 0) throw std::runtime_error(std::to_string(i));
  dig(depth - 1, i);
  KEEP;
}

TRACED void guarded(uint64_t &sum, int depth, int i) {
  Tag tag{sum, uint64_t(depth * i)};
  dig(depth, i);
}

TRACED uint64_t one_round(int who, int i) {
  uint64_t sum = who;
  try {
    guarded(sum, i % 9, i);
  } catch (const std::exception &error) {
    for (const char *c = error.what(); *c; c++) sum = mix(sum, *c);
  }
  return sum;
}

TRACED void run(int who, uint64_t *result) {
  uint64_t sum = 0;
  for (int i = 0; i < 1500; i++) sum = mix(sum, one_round(who, i));
  *result = sum;
}

int main() {
  uint64_t results[4];
  std::vector<std::thread> threads;
  for (int who = 0; who < 4; who++) threads.emplace_back(run, who, &results[who]);
  for (auto &thread : threads) thread.join();
  for (uint64_t result : results) printf("%016lx\n", result);
  return 0;
}
