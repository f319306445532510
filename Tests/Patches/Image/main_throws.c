#include <stdio.h>
#include "work.h"

int twice(int x) { return 2 * x; }

int main(void) {
  int (*pointer)(int) = work;
  for (int i = 0; i < 12; i++) printf("%d: %s %.3f\n", i, name(i), ratio(i));
  printf("same %d through %d\n", same(pointer), pointer(4));
  printf("sorted %d, %s %s\n", sorted(), spell("a"), spell("b"));
  printf("%d %d\n", chained(5), chained(0));
  return 0;
}
