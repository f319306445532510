// library: libenclosed.so gcc -O2 -shared -fPIC -DPART=1 -Wl,-Ttext-segment=0x500000000000 -Wl,-z,max-page-size=4096
// build: gcc -O2 -no-pie
// counts: listed
// opens: libenclosed.so=1
// calls: main=1 near=100 enclosed=any inner=any
// refused: out-of-reach=2
// A library around which there is no room for trampolines within branch range: its functions cannot be recorded, which is
// said and counted; it runs as ever, and the others are recorded.
#ifndef PART
#define PART 0
#endif
#include "hard.h"
#include <dlfcn.h>
#include <elf.h>
#include <string.h>
#include <sys/mman.h>

typedef uint64_t function_type(uint64_t);

#if PART
static TRACED uint64_t inner(uint64_t x) {
  KEEP;
  return x * 33;
}

TRACED uint64_t enclosed(uint64_t x, function_type *near) {
  x = near(inner(x));
  KEEP;
  return x + 7;
}
#else
static const uint64_t reach = 1ull << 31;  // x86_64's; the others' branches reach less

TRACED uint64_t near(uint64_t x) {
  KEEP;
  return x ^ 0x55;
}

// Maps all addresses that a branch of the library reaches, but those that it takes itself.
UNTRACED static void enclose(const char *path) {
  static Elf64_Ehdr header;
  static Elf64_Phdr segments[32];
  int file = open(path, O_RDONLY);
  REQUIRE(pread(file, &header, sizeof header, 0) == sizeof header && header.e_phnum <= 32);
  ssize_t size = (ssize_t)(header.e_phnum * sizeof segments[0]);
  REQUIRE(pread(file, segments, (size_t)size, (off_t)header.e_phoff) == size && !close(file));
  uint64_t low = UINT64_MAX, high = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < header.e_phnum; i++)
    if (segments[i].p_type == PT_LOAD) {
      if (segments[i].p_vaddr < low) low = segments[i].p_vaddr & ~(page - 1);
      high = (segments[i].p_vaddr + segments[i].p_memsz + page - 1) & ~(page - 1);
    }
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
  REQUIRE(mmap((void *)(low - reach), reach, PROT_NONE, flags, -1, 0) == (void *)(low - reach));
  REQUIRE(mmap((void *)high, reach, PROT_NONE, flags, -1, 0) == (void *)high);
}

int main(void) {
  static char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
  REQUIRE(length > 0);
  path[length] = 0;
  strcpy(strrchr(path, '/'), "/libenclosed.so");
  if (!getenv("HARD_ORACLE")) enclose(path);
  void *library = dlopen(path, RTLD_NOW);
  if (!library) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(library);
  uint64_t (*enclosed)(uint64_t, function_type *) =
      (uint64_t(*)(uint64_t, function_type *))dlsym(library, "enclosed");
  REQUIRE(enclosed);
  uint64_t sum = 0;
  for (int i = 0; i < 100; i++) sum = mix(sum, enclosed(sum, near));
  printf("%016lx\n", sum);
  return 0;
}
#endif
