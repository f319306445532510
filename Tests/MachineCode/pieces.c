// Calls functions whose code is in pieces anywhere in memory:
//
//   pieces INPUT OUTPUT
//
// All numbers are 64-bit words, little-endian. INPUT: how many calls; for each the address of a data page, the function's
// address, its argument, how many pieces; for each piece its address, its size in words, and these. OUTPUT: for each call
// its result and the first three words of the data page.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { most = 8 };
static const uint64_t page = 0x10000;  // a multiple of every page size

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static uint64_t word(FILE *file) {
  uint64_t value;
  if (fread(&value, sizeof value, 1, file) != 1) fail("read");
  return value;
}

static void map(uint64_t low, uint64_t high) {
  void *wanted = (void *)(uintptr_t)low;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  if (mmap(wanted, high - low, PROT_READ | PROT_WRITE, flags, -1, 0) != wanted) fail("mmap");
}

int main(int count, char **arguments) {
  if (count != 3) return 1;
  FILE *input = fopen(arguments[1], "r"), *output = fopen(arguments[2], "w");
  if (!input || !output) fail("open");
  for (uint64_t calls = word(input); calls > 0; calls--) {
    uint64_t data = word(input), function = word(input), argument = word(input), pieces = word(input);
    uint64_t low[most], high[most];
    if (pieces > most) return 1;
    map(data, data + page);
    for (uint64_t piece = 0; piece < pieces; piece++) {
      uint64_t address = word(input), words = word(input);
      low[piece] = address & ~(page - 1);
      high[piece] = (address + 8 * words + page - 1) & ~(page - 1);
      map(low[piece], high[piece]);
      char *place = (char *)(uintptr_t)address;
      if (fread(place, 8, words, input) != words) fail("read");
      if (mprotect((void *)(uintptr_t)low[piece], high[piece] - low[piece], PROT_READ | PROT_EXEC)) fail("mprotect");
      __builtin___clear_cache(place, place + 8 * words);
    }
    uint64_t answers[4] = {((uint64_t (*)(uint64_t))(uintptr_t)function)(argument)};
    memcpy(answers + 1, (void *)(uintptr_t)data, 24);
    if (fwrite(answers, sizeof answers, 1, output) != 1) fail("write");
    if (munmap((void *)(uintptr_t)data, page)) fail("munmap");
    for (uint64_t piece = 0; piece < pieces; piece++)
      if (munmap((void *)(uintptr_t)low[piece], high[piece] - low[piece])) fail("munmap");
  }
  return fclose(output) ? 2 : 0;
}
