#include "apus_linux.h"

#if defined(__x86_64__)
#include <cpuid.h>

uint32_t apus_xsave_area_size(uint64_t features) {
  uint32_t size = 512 + 64;  // the legacy area and the header, always there
  for (int feature = 2; feature < 63; feature++) {
    uint32_t length, offset, c, d;
    if (!(features >> feature & 1)) continue;
    if (!__get_cpuid_count(0xd, feature, &length, &offset, &c, &d)) return 0;
    if (offset + length > size) size = offset + length;
  }
  return size;
}
#else
uint32_t apus_xsave_area_size(uint64_t features) {
  (void)features;
  return 0;
}
#endif
