#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "work.h"

extern int missing(int) __attribute__((weak));
static int calls;
static const char *const names[] = {"zero", "one", "two"};

static int __attribute__((noinline)) helper(int x) {
  static int count = 5;
  count++;
  return x * count;
}

int work(int x) {
  static int kept = 1;
  kept += x;
  calls++;
  switch (x) {
    case 0: return helper(1);
    case 1: return twice(x) + kept;
    case 2: return calls;
    case 3: return helper(x) - 1;
    case 4: return per_thread++;
    case 5: return shared += 2;
    default: return kept;
  }
}

const char *name(int x) { return x < 3 ? names[x] : "many"; }

double ratio(int x) { return x / 3.0; }

int same(int (*pointer)(int)) { return pointer == work; }

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int sorted(void) {
  int all[] = {3, 1, 2};
  qsort(all, 3, sizeof *all, compare);
  return all[0] * 100 + all[1] * 10 + all[2];
}

const char *spell(const char *text) {
  static char room[32];
  snprintf(room, sizeof room, "<%s>", text);
  return room;
}

int chained(int x) { return missing ? missing(x) : twice(x) + helper(x); }
