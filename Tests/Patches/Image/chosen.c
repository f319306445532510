#include "work.h"

// What is called by this name is chosen when the program starts.
static int plus(int x) { return x + 3; }
static int minus(int x) { return x - 3; }
static int (*choose(void))(int) { return sizeof(long) == 8 ? plus : minus; }
int chosen(int x) __attribute__((ifunc("choose")));
