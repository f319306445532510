// build: gcc -O2
// also[clang]: clang -O2
// also[o0]: gcc -O0
// counts: callgrind
// calls: main=1 sum_of=300 forward=300 mixed=300 wide=300 take_list=600
// Variadic calls with floating point: al holds the vector count, eight vector registers and the stack hold arguments.
#include "hard.h"
#include <stdarg.h>
#include <string.h>

struct pair {
  double a;
  int b;
};
struct large {
  long words[6];
};

UNTRACED static uint64_t bits(double value) {
  uint64_t result;
  memcpy(&result, &value, sizeof result);
  return result;
}

TRACED double take_list(const char *kinds, va_list list) {
  double sum = 0;
  for (; *kinds; kinds++) {
    switch (*kinds) {
    case 'i': sum = sum * 1.5 + va_arg(list, int); break;
    case 'l': sum = sum * 1.25 + (double)va_arg(list, long); break;
    case 'd': sum = sum * 0.75 + va_arg(list, double); break;
    case 'L': sum = sum * 0.5 + (double)va_arg(list, long double); break;
    case 'p': {
      struct pair pair = va_arg(list, struct pair);
      sum = sum * 0.25 + pair.a * pair.b;
      break;
    }
    case 'b': {
      struct large large = va_arg(list, struct large);
      for (int i = 0; i < 6; i++) sum = sum * 0.9 + (double)large.words[i];
      break;
    }
    }
  }
  KEEP;
  return sum;
}

TRACED double sum_of(int count, ...) {
  va_list list;
  va_start(list, count);
  double sum = 0;
  for (int i = 0; i < count; i++) sum = sum * 1.1 + va_arg(list, double);
  va_end(list);
  return sum;
}

TRACED double forward(const char *kinds, ...) {
  va_list list;
  va_start(list, kinds);
  double sum = take_list(kinds, list);
  va_end(list);
  return sum;
}

TRACED double mixed(double first, const char *kinds, ...) {
  va_list list, copy;
  va_start(list, kinds);
  va_copy(copy, list);
  double sum = first + take_list(kinds, copy);
  va_end(copy);
  va_end(list);
  return sum;
}

// Arguments in every register class and on the stack, in a function that is not variadic.
TRACED double wide(int a, double b, long c, float d, long double e, int f, int g, int h, int i, double j, double k, double l,
                   double m, double n, double o, double p, double q, struct large r, struct pair s) {
  KEEP;
  return a + 2 * b + 3 * c + 4 * d + 5 * (double)e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l + 13 * m +
         14 * n + 15 * o + 16 * p + 17 * q + 18 * r.words[0] + 19 * r.words[5] + 20 * s.a + 21 * s.b;
}

int main(void) {
  uint64_t sum = 0;
  for (int i = 0; i < 300; i++) {
    double x = i / 3.0;
    struct pair pair = {x, i};
    struct large large = {{i, i + 1, i + 2, i + 3, i + 4, i + 5}};
    sum = mix(sum, bits(sum_of(12, x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7, x + 8, x + 9, x + 10, x + 11)));
    sum = mix(sum, bits(forward("idldLpbdi", i, x, (long)i, x * 2, (long double)x, pair, large, x * 3, i + 1)));
    sum = mix(sum, bits(mixed(x, "dddddddddiiiiiiLp", x, x, x, x, x, x, x, x, x, i, i, i, i, i, i, (long double)x, pair)));
    sum = mix(sum, bits(wide(i, x, i, (float)x, x, i, i, i, i, x, x, x, x, x, x, x, x, large, pair)));
    char text[64];
    snprintf(text, sizeof text, "%d %.3f %s %.2Lf", i, x, "s", (long double)x);
    for (char *c = text; *c; c++) sum = mix(sum, *c);
  }
  printf("%016lx\n", sum);
  return 0;
}
