// build: g++ -O2
// also[clang]: clang++ -O2
// also[os]: g++ -Os
// also[o0]: g++ -O0
// also[eight_three]: g++ -O2 -fpatchable-function-entry=8,3
// also[sixteen]: clang++ -O2 -fpatchable-function-entry=16
// also[sections]: gcc -O2 -x c++ -lstdc++ -ffunction-sections -Wl,--gc-sections -DUNUSED_TOO
// also[lld]: clang++ -O2 -fuse-ld=lld -ffunction-sections -Wl,--gc-sections,--icf=all -DUNUSED_TOO
// counts: callgrind
// counts[arm64]: emulator
// Calls through pointers, tables, virtual tables, pointers to members and lambdas; with several site shapes, and with
// functions that the linker throws away or folds into one.
#include "hard.h"
#include <functional>

struct Shape {
  virtual ~Shape() = default;
  virtual uint64_t area(uint64_t x) const = 0;
  TRACED uint64_t twice(uint64_t x) const { return area(x) * 2; }
};
struct Square : Shape {
  TRACED uint64_t area(uint64_t x) const override { KEEP; return x * x; }
};
struct Line : Shape {
  TRACED uint64_t area(uint64_t x) const override { KEEP; return x; }
};
struct Named {
  virtual ~Named() = default;
  virtual uint64_t name() const { KEEP; return 3; }
};
// A second base: calls through it enter a thunk.
struct Both : Line, Named {
  TRACED uint64_t area(uint64_t x) const override { KEEP; return x + 5; }
  TRACED uint64_t name() const override { KEEP; return 11; }
};

template <int N> TRACED uint64_t numbered(uint64_t x) {
  KEEP;
  return x * (2 * N + 1) + N;
}

// Equal bodies, for linkers that fold them.
TRACED uint64_t same_one(uint64_t x) { KEEP; return x * 53; }
TRACED uint64_t same_two(uint64_t x) { KEEP; return x * 53; }

#ifdef UNUSED_TOO
TRACED uint64_t never_called_one(uint64_t x) { return numbered<9>(x) + 1; }
TRACED uint64_t never_called_two(uint64_t x) { return never_called_one(x) + 1; }
#endif

using Function = uint64_t (*)(uint64_t);
static Function volatile table[] = {numbered<0>, numbered<1>, numbered<2>, numbered<3>, same_one, same_two};

TRACED uint64_t dispatch(unsigned which, uint64_t x) {
  switch (which % 4) {
  case 0: return numbered<4>(x);
  case 1: return numbered<5>(x);
  case 2: return table[which % 6](x);
  default: return numbered<6>(numbered<7>(x));
  }
}

int main() {
  Square square;
  Line line;
  Both both;
  const Shape *volatile shapes[] = {&square, &line, &both};
  const Named *volatile named = &both;
  uint64_t (Shape::*volatile member)(uint64_t) const = &Shape::area;
  uint64_t sum = 0;
  for (unsigned i = 0; i < 3000; i++) {
    sum = mix(sum, table[i % 6](i));
    sum = mix(sum, dispatch(i, sum));
    const Shape *shape = shapes[i % 3];
    sum = mix(sum, shape->twice(i));
    sum = mix(sum, (shape->*member)(sum));
    sum = mix(sum, named->name());
    std::function<uint64_t(uint64_t)> closure = [i, sum](uint64_t x) { return same_one(x) + i + sum; };
    sum = mix(sum, closure(i));
  }
  printf("%016lx\n", sum);
  return 0;
}
