// A program with call sites that somebody else has written trampolines for:
//
//   traced            prints the thread pointer, in hexadecimal
//   traced IMAGE      maps the trampolines and their memory, enables the sites, and calls the functions
//
// IMAGE has 64-bit words, little-endian: how many regions; for each its address, its size, whether it is code, how many words
// it begins with, and these. How many words to be stored elsewhere; for each its address and its value. How many places
// of text to be written; for each its address, how many bytes, and these in a word.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__aarch64__)
#include "arm64.h"
#define SLOT "nop\n nop\n b "
#elif defined(__powerpc64__)
#include "ppc64le.h"
#define SLOT "nop\n nop\n b "
#elif defined(__x86_64__)
#include "x86_64.h"
#define SLOT ".byte 0x0f, 0x1f, 0x44, 0, 0\n jmp "
#endif

#define FUNCTION __attribute__((noipa, used))
#define HERE __asm__ volatile("" ::: "memory")
// A function's entry with its call site; a compiler would put the body right behind it.
#define SITE(name)                                                                                               \
  __asm__(".text\n.balign 64\n.globl " #name "_site\n.type " #name "_site, %function\n" #name "_site:\n"        \
          ".cfi_startproc\n " SLOT #name "\n.cfi_endproc\n.size " #name "_site, . - " #name "_site\n")

long leaf_site(long), hop_site(long), middle_site(long, long), outer_site(long);

FUNCTION long inspect(long x) {
  HERE;
  return x + 1;
}

FUNCTION long leaf(long x) {
  x = inspect(x * 2);
  HERE;
  return x + 1;
}

FUNCTION long hop(long x) { return leaf_site(x); }

FUNCTION long middle(long a, long b) {
  long x = hop_site(a + b);
  HERE;
  return x - a * b;
}

FUNCTION long outer(long n) {
  long x = middle_site(n, n + 1);
  HERE;
  return x + n;
}

SITE(leaf);
SITE(hop);
SITE(middle);
SITE(outer);

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static uint64_t word(FILE *file) {
  uint64_t value;
  if (fread(&value, sizeof value, 1, file) != 1) fail("read");
  return value;
}

static void map(FILE *file) {
  uint64_t address = word(file), size = word(file), is_code = word(file), words = word(file);
  char *place = (char *)(uintptr_t)address;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
  if (mmap(place, size, PROT_READ | PROT_WRITE, flags, -1, 0) != place) fail("mmap");
  if (words > 0 && fread(place, 8, words, file) != words) fail("read");
  if (is_code && mprotect(place, size, PROT_READ | PROT_EXEC)) fail("mprotect");
  __builtin___clear_cache(place, place + 8 * words);
}

static void patch(FILE *file) {
  const uintptr_t page = 0x10000;
  uint64_t address = word(file), count = word(file), bytes = word(file);
  char *place = (char *)(uintptr_t)address, *start = (char *)((uintptr_t)address & ~(page - 1));
  if (mprotect(start, 2 * page, PROT_READ | PROT_WRITE | PROT_EXEC)) fail("mprotect");
  memcpy(place, &bytes, count);
  __builtin___clear_cache(place, place + count);
}

int main(int count, char **arguments) {
  if (count == 1) {
    printf("%llx\n", (unsigned long long)thread_pointer());
    return 0;
  }
  FILE *file = fopen(arguments[1], "r");
  if (!file) fail("open");
  for (uint64_t regions = word(file); regions > 0; regions--) map(file);
  for (uint64_t stores = word(file); stores > 0; stores--) {
    uint64_t address = word(file);
    *(uint64_t *)(uintptr_t)address = word(file);
  }
  for (uint64_t patches = word(file); patches > 0; patches--) patch(file);
  printf("%ld\n", outer_site(21));
  return 0;
}
