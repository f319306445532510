// rule: main, which gcc puts into .text.startup.
// changed: main
#include "pair.h"
int f(int x) { return use(x); }
int main(int argc, char **argv) {
#if PATCH
  if (argc > 3) return 1;
#endif
  return use(argc);
}
