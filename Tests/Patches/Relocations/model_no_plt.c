// Calls through the global offset table.
// arches: x86_64 arm64
// flags: -fno-plt
#include "globals.h"
