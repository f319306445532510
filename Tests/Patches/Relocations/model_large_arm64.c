// Addresses of eight bytes in the code.
// arches: arm64
// compilers: clang
// models: nopie
// flags: -mcmodel=large
#include "globals.h"
