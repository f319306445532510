// A table of contents anywhere.
// arches: ppc64le
// flags: -mcmodel=large
#include "globals.h"
