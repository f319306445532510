// build: g++ -O2
// also[clang]: clang++ -O2
// also[static_libgcc]: g++ -O2 -static-libgcc
// also[llvm_unwind]: g++ -O2 -Wl,--no-as-needed -l:libunwind.so.1
// counts: callgrind
// needs-slow: unwound,re_armed
// calls: main=1 parked(void*)=300 catching(void*)=300
// Exceptions thrown and caught inside fibres, on stacks that were freed with parked frames on them and used again.
#include "fibre.h"
#include <stdexcept>
#include <string>

static constexpr size_t size = 131072;
static void *main_stack, *fibre_stack;
static uint64_t sum;

struct Tag {
  uint64_t value;
  TRACED ~Tag() { sum = mix(sum, value); }
};

TRACED void yield() {
  fibre_switch(&fibre_stack, main_stack);
  KEEP;
}

TRACED uint64_t dig(int depth, int i, bool throws) {
  Tag tag{uint64_t(depth)};
  if (depth == 0) {
    yield();
    if (throws) throw std::runtime_error("at the bottom " + std::to_string(i));
    return i;
  }
  uint64_t result = dig(depth - 1, i, throws);
  KEEP;
  return result + depth;
}

TRACED void parked(void *argument) {
  int i = int(intptr_t(argument));
  try {
    dig(i % 23, i, false);
  } catch (...) {
  }
  REQUIRE(0);
}

TRACED uint64_t attempt(int i) {
  try {
    return dig(i % 29, i, i % 3 != 0);
  } catch (const std::exception &error) {
    return mix(error.what()[0], error.what()[14]);
  }
}

TRACED void catching(void *argument) {
  int i = int(intptr_t(argument));
  sum = mix(sum, attempt(i));
  sum = mix(sum, attempt(i + 1));
  fibre_switch(&fibre_stack, main_stack);
  REQUIRE(0);
}

int main() {
  void *place = stack_map(nullptr, size);
  munmap(place, size);
  for (int i = 0; i < 300; i++) {
    place = stack_map(place, size);
    fibre_switch(&main_stack, fibre_make(place, size, parked, (void *)(intptr_t)i));
    munmap(place, size);
    place = stack_map(place, size);
    fibre_switch(&main_stack, fibre_make(place, size, catching, (void *)(intptr_t)i));
    for (int resumes = 0; resumes < 2; resumes++) fibre_switch(&main_stack, fibre_stack);
    munmap(place, size);
  }
  printf("%016lx\n", sum);
  return 0;
}
