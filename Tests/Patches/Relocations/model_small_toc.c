// A table of contents of 64 KiB.
// arches: ppc64le
// flags: -mcmodel=small
#include "globals.h"
