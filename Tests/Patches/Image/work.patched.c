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

static int added = 11;
static int history[4];
static const char *const words[] = {"new", "newer", "newest"};

static int __attribute__((noinline)) another(int x) {
  history[x & 3] += added++;
  return history[x & 3] + helper(x) + (strpbrk(names[x & 1], "n") != 0);
}

int work(int x) {
  static int kept = 1;
  kept += x;
  calls++;
  switch (x) {
    case 0: return helper(1) + 1000;
    case 1: return twice(x) + kept + another(x);
    case 2: return calls + another(x);
    case 3: return helper(x) - 1 + (int)strcspn("abcdef", "d");
    case 4: return per_thread += 5;
    case 5: return shared += 3;
    case 6: return work(0) + same(work);
    case 7: return sorted();
    default: return kept + (missing ? missing(x) : 1);
  }
}

const char *name(int x) { return x < 3 ? names[x] : words[x % 3]; }

double ratio(int x) { return x / 7.25 + (float)added; }

int same(int (*pointer)(int)) { return (pointer == work) + 10; }

static int compare(const void *a, const void *b) { return *(const int *)b - *(const int *)a; }

int sorted(void) {
  int all[] = {3, 1, 2};
  qsort(all, 3, sizeof *all, compare);
  return all[0] * 100 + all[1] * 10 + all[2];
}

const char *spell(const char *text) {
  static char room[32];
  snprintf(room, sizeof room, "[%s %zu %d]", text, strlen(text), added);
  for (char *at = room; *at; at++)
    if (*at == '-') *at = '_';
  return room;
}

int (*pick(int x))(int) { return x ? chosen : twice; }

// Another library's function whose address is taken, and which nothing calls by its name.
static int __attribute__((noinline)) ordered(const char *a, const char *b) {
  int (*volatile order)(const char *, const char *) = strcoll;
  return order(a, b) < 0;
}

int chained(int x) { return missing ? missing(x) : ordered("a", "b") * 1000 + helper(x) + per_thread + twice(x + added) + chosen(x) * pick(x)(x); }
