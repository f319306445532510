#include <stdio.h>
#include "work.h"

static int calls = 100;  // of the same name as another file's

int twice(int x) { return 2 * x + (calls > 1000); }

_Thread_local int per_thread = 7;
int shared = 40;

int main(int argc, char **argv) {
  int (*pointer)(int) = work;
  printf("%d\n", argc);
  for (int i = 0; i < 12; i++) {
    printf("%d: %d %s %.3f\n", i, work(i), name(i), ratio(i));
    calls += i;
  }
  printf("same %d through %d\n", same(pointer), pointer(3));
  printf("sorted %d, thread %d, shared %d, calls %d\n", sorted(), per_thread, shared, calls);
  printf("%s\n", spell(argv[0] != 0 ? "a-b-c" : ""));
  printf("%d\n", chained(5));
  return 0;
}
