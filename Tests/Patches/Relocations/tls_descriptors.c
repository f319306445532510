// Thread-local variables by descriptors, of which the linker makes constants.
// models: pic
// arches: x86_64 arm64
// compilers: gcc
// flags[x86_64]: -mtls-dialect=gnu2
// flags[arm64]: -mtls-dialect=desc
extern _Thread_local int one, two;
int f(void) { return one++ + two; }
int *g(void) { return &one; }
