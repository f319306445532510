// Reading a ring of event words that another process writes.
#ifndef APUS_RING_H
#define APUS_RING_H

#include <stdint.h>

// How many of `count` words tell of a call: the kinds entry and tail, which alone have bit 1 clear.
static inline uint64_t apus_count_calls(uintptr_t words, uint64_t count) {
  const uint64_t *at = (const uint64_t *)words;
  uint64_t calls = 0;
  for (uint64_t n = 0; n < count; n++) calls += (at[n] >> 1 & 1) ^ 1;
  return calls;
}

#endif
