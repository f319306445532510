// All within a mebibyte.
// arches: arm64
// compilers: gcc
// flags: -mcmodel=tiny
#include "globals.h"
