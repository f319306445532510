// Addresses of eight bytes in the code.
// arches: x86_64
// flags: -mcmodel=large
#include "globals.h"
