// Shared by the hard programs: what is traced, what is not, checksums, and the program's own counts.
#ifndef HARD_H
#define HARD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// A function that stays a function: it is called as often as the source says, by every compiler.
#if defined(__clang__)
#define TRACED __attribute__((noinline))
#else
#define TRACED __attribute__((noipa))
#endif
// A function without a call site.
#define UNTRACED __attribute__((noinline, patchable_function_entry(0, 0)))
#define UNUSED __attribute__((unused))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

// In a body: neither merged with another call nor moved out of a loop; after a call: no tail call.
#define KEEP __asm__ volatile("" ::: "memory")

// An order-sensitive checksum step.
ALWAYS_INLINE uint64_t mix(uint64_t sum, uint64_t value) {
  sum ^= value + 0x9e3779b97f4a7c15u + (sum << 6) + (sum >> 2);
  return sum * 0xff51afd7ed558ccdu;
}

// Where the number of calls depends on the clock, the program counts itself and adds "name=count" to the file
// that $HARD_COUNTS names.
UNUSED UNTRACED static void own_count(const char *name, unsigned long calls) {
  const char *path = getenv("HARD_COUNTS");
  if (!path) return;
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  dprintf(file, "%s=%lu\n", name, calls);
  close(file);
}

// How much slower than this machine the one is that runs the program: signals come so much more seldom. Where each takes longer than
// the time to the next, handlers that may be interrupted nest without an end, and others leave no time for anything else.
UNUSED UNTRACED static long pace(void) {
  const char *text = getenv("HARD_PACE");
  return text ? atol(text) : 1;
}

#define REQUIRE(condition)                                                   \
  do {                                                                       \
    if (!(condition)) {                                                      \
      fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #condition); \
      _Exit(99);                                                             \
    }                                                                        \
  } while (0)

#endif
