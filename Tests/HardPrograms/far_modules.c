// library: libfar_a.so gcc -O2 -shared -fPIC -DPART=1 -Wl,-Ttext-segment=0x300000000000
// library: libfar_b.so gcc -O2 -shared -fPIC -DPART=2 -Wl,-Ttext-segment=0x410000000000
// library: libfar_c.so gcc -O2 -shared -fPIC -DPART=3
// build: gcc -O2 -no-pie -L$OUT -Wl,--no-as-needed -lfar_a
// also[clang]: clang -O2 -no-pie -L$OUT -Wl,--no-as-needed -lfar_a
// counts: listed
// opens: libfar_b.so=1 libfar_c.so=1
// calls: main=1 hop=4100 step=3900 leaf=3900 tail=100
// Libraries so far from everything else that no branch reaches from one to another, on any architecture: one that is there
// from the beginning, and two that are opened, of which one goes where what is reserved here leaves room. Calls, calls back and tail
// calls go from each to the others.
#ifndef PART
#define PART 0
#endif
#include "hard.h"
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>

typedef uint64_t hop_type(int, uint64_t);
typedef uint64_t step_type(int, uint64_t, hop_type *);

#if PART
#define NAME2(name, part) name##part
#define NAME1(name, part) NAME2(name, part)

static TRACED uint64_t leaf(uint64_t x) {
  KEEP;
  return x * 31 + PART;
}

static TRACED uint64_t step(int depth, uint64_t x, hop_type *hop) {
  x = hop(depth - 1, leaf(x));
  KEEP;
  return x ^ PART;
}

static TRACED uint64_t tail(int depth, uint64_t x, hop_type *hop) {
  return hop(depth, x + PART);
}

UNTRACED step_type *NAME1(step_of_, PART)(void) { return step; }
UNTRACED step_type *NAME1(tail_of_, PART)(void) { return tail; }
#else
enum { modules = 3 };
static const uint64_t reach = 1ull << 31;  // x86_64's; the others' branches reach less

static step_type *steps[modules], *tails[modules];
static char directory[4096];

step_type *step_of_1(void), *tail_of_1(void);

TRACED uint64_t hop(int depth, uint64_t x) {
  if (!depth) return x;
  x = steps[depth % modules](depth, mix(x, (uint64_t)depth), hop);
  KEEP;
  return x + 1;
}

UNTRACED static void open_library(int part) {
  char path[8192], name[32];
  snprintf(path, sizeof path, "%s/libfar_%c.so", directory, 'a' + part - 1);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(library);
  snprintf(name, sizeof name, "step_of_%d", part);
  steps[part - 1] = ((step_type * (*)(void)) dlsym(library, name))();
  snprintf(name, sizeof name, "tail_of_%d", part);
  tails[part - 1] = ((step_type * (*)(void)) dlsym(library, name))();
}

UNTRACED static int is_far(uintptr_t one, uintptr_t other) { return (one > other ? one - other : other - one) > reach; }

// Takes three GiB, and then all smaller gaps on this side: what is mapped next comes on the other side.
UNTRACED static void reserve(void) {
  if (getenv("HARD_ORACLE")) return;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  REQUIRE(mmap(NULL, 3 * (reach / 2), PROT_NONE, flags, -1, 0) != MAP_FAILED);
  char *small;
  do {
    small = mmap(NULL, 1 << 14, PROT_NONE, flags, -1, 0);
    REQUIRE(small != MAP_FAILED);
  } while (!is_far((uintptr_t)small, (uintptr_t)printf));
}

UNTRACED static void require_far(uintptr_t one, uintptr_t other) {
  if (getenv("HARD_ORACLE")) return;  // valgrind maps where it likes
  REQUIRE(is_far(one, other));
}

int main(void) {
  ssize_t length = readlink("/proc/self/exe", directory, sizeof directory - 1);
  REQUIRE(length > 0);
  directory[length] = 0;
  *strrchr(directory, '/') = 0;
  steps[0] = step_of_1();
  tails[0] = tail_of_1();
  open_library(2);
  reserve();
  open_library(3);
  uintptr_t places[modules + 2] = {(uintptr_t)hop, (uintptr_t)printf};
  for (int i = 0; i < modules; i++) places[i + 2] = (uintptr_t)steps[i];
  for (int i = 0; i < modules + 2; i++)
    for (int j = 0; j < i; j++) require_far(places[i], places[j]);
  uint64_t sum = 0;
  for (int i = 0; i < 100; i++) {
    sum = mix(sum, hop(30, sum));
    sum = tails[i % modules](9, sum, hop);
    if (i % 20 == 19) printf("%016lx\n", sum);
  }
  return 0;
}
#endif
