// Large data apart.
// arches: x86_64
// flags: -mcmodel=medium -mlarge-data-threshold=16
#include "globals.h"
