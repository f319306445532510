// A global offset table of 32 KiB.
// arches: arm64
// compilers: gcc
// models: pic
// flags: -fpic
#include "globals.h"
