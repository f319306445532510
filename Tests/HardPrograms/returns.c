// build: gcc -O2
// also[clang]: clang -O2
// also[o0]: gcc -O0
// counts: callgrind
// calls: main=1 r_bool=200 r_int128=200 r_long_double=200 r_complex_long_double=200 r_m256=200 r_large=200 r_double_int=200
// Every class of return value. x86_64: rax, rax:rdx, xmm0, xmm0:xmm1, mixed, x87's st0 and st0:st1, 16- and 32-byte vectors, structs
// by hidden pointer (rax is that pointer), values narrower than a register. arm64: x0, x0:x1, one to four vector registers of
// each width, structs by the pointer in x8.
#include "hard.h"
#include <complex.h>
#include <string.h>

typedef float four_floats __attribute__((vector_size(16)));
typedef long two_words __attribute__((vector_size(16)));
typedef float eight_floats __attribute__((vector_size(32)));
#if defined(__x86_64__)
#define AVX __attribute__((target("avx")))
#define HAS_AVX __builtin_cpu_supports("avx")
typedef __float128 quad;
enum { LONG_DOUBLE = 10 };  // bytes that have a value
#else
#define AVX
#define HAS_AVX 1
typedef long double quad;
enum { LONG_DOUBLE = sizeof(long double) };
#endif

struct double_int { double a; int b; };
struct int_double { int a; double b; };
struct two_longs { long a, b; };
struct two_doubles { double a, b; };
struct three_chars { char a, b, c; };
struct floats { float a, b, c; };
struct large { long words[9]; };
struct with_long_double { long double a; };
struct four_doubles { double a, b, c, d; };
struct four_vectors { four_floats a, b, c, d; };

TRACED _Bool r_bool(long x) { KEEP; return x & 1; }
TRACED signed char r_char(long x) { KEEP; return (signed char)(x * 3); }
TRACED unsigned short r_short(long x) { KEEP; return (unsigned short)(x * 771); }
TRACED int r_int(long x) { KEEP; return (int)(x * 1000003); }
TRACED long r_long(long x) { KEEP; return x * 10000000019; }
TRACED void *r_pointer(long x) { KEEP; return (void *)(x * 4096); }
TRACED __int128 r_int128(long x) { KEEP; return (__int128)x * 0x1234567890abcdef * 0x1234567; }
TRACED float r_float(long x) { KEEP; return (float)x / 3; }
TRACED double r_double(long x) { KEEP; return (double)x / 7; }
TRACED long double r_long_double(long x) { KEEP; return (long double)x / 11; }
TRACED quad r_float128(long x) { KEEP; return (quad)x * 3; }
TRACED float complex r_complex_float(long x) { KEEP; return (float)x + 2.5f * I; }
TRACED double complex r_complex_double(long x) { KEEP; return (double)x - 1.25 * I; }
TRACED long double complex r_complex_long_double(long x) { KEEP; return (long double)x / 3 + 0.5L * I; }
TRACED four_floats r_m128(long x) { KEEP; return (four_floats){(float)x / 2, 3, 2, (float)x}; }
TRACED two_words r_m128i(long x) { KEEP; return (two_words){x * 9, x * 7}; }
TRACED AVX eight_floats r_m256(long x) { KEEP; return (eight_floats){(float)x / 3, 6, 5, 4, 3, 2, 1, (float)x}; }
TRACED struct double_int r_double_int(long x) { KEEP; return (struct double_int){(double)x / 2, (int)x}; }
TRACED struct int_double r_int_double(long x) { KEEP; return (struct int_double){(int)x, (double)x / 4}; }
TRACED struct two_longs r_two_longs(long x) { KEEP; return (struct two_longs){x * 5, x * 6}; }
TRACED struct two_doubles r_two_doubles(long x) { KEEP; return (struct two_doubles){(double)x / 5, (double)x / 6}; }
TRACED struct three_chars r_three_chars(long x) { KEEP; return (struct three_chars){(char)x, (char)(x + 1), (char)(x + 2)}; }
TRACED struct floats r_floats(long x) { KEEP; return (struct floats){(float)x, (float)x / 2, (float)x / 3}; }
TRACED struct with_long_double r_with_long_double(long x) { KEEP; return (struct with_long_double){(long double)x / 13}; }
TRACED struct four_doubles r_four_doubles(long x) { KEEP; return (struct four_doubles){(double)x, (double)x / 2, (double)x / 3, 4}; }
TRACED struct four_vectors r_four_vectors(long x) {
  KEEP;
  return (struct four_vectors){{(float)x, 1}, {2, (float)x / 2}, {(float)x / 3, 3}, {4, (float)x / 4}};
}
TRACED struct large r_large(long x) {
  KEEP;
  struct large result;
  for (int i = 0; i < 9; i++) result.words[i] = x * (i + 1);
  return result;
}

static uint64_t sum;

UNTRACED static void add(const void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) sum = mix(sum, ((const unsigned char *)bytes)[i]);
}

#define ADD(type, call, size)   \
  do {                          \
    type value = call;          \
    add(&value, size);          \
  } while (0)

UNTRACED AVX static void vectors(long x) {
  eight_floats parts = r_m256(x);
  add(&parts, sizeof parts);
}

int main(void) {
  int avx = HAS_AVX;
  for (long x = 1; x <= 200; x++) {
    ADD(_Bool, r_bool(x), 1);
    ADD(signed char, r_char(x), 1);
    ADD(unsigned short, r_short(x), 2);
    ADD(int, r_int(x), 4);
    ADD(long, r_long(x), 8);
    ADD(void *, r_pointer(x), 8);
    ADD(__int128, r_int128(x), 16);
    ADD(float, r_float(x), 4);
    ADD(double, r_double(x), 8);
    ADD(long double, r_long_double(x), LONG_DOUBLE);
    ADD(quad, r_float128(x), 16);
    ADD(float complex, r_complex_float(x), 8);
    ADD(double complex, r_complex_double(x), 16);
    long double complex both = r_complex_long_double(x);
    long double parts[2] = {creall(both), cimagl(both)};
    add(&parts[0], LONG_DOUBLE);
    add(&parts[1], LONG_DOUBLE);
    ADD(four_floats, r_m128(x), 16);
    ADD(two_words, r_m128i(x), 16);
    if (avx) vectors(x);
    ADD(struct double_int, r_double_int(x), 12);
    ADD(struct int_double, r_int_double(x), 4);
    ADD(struct two_longs, r_two_longs(x), 16);
    ADD(struct two_doubles, r_two_doubles(x), 16);
    ADD(struct three_chars, r_three_chars(x), 3);
    ADD(struct floats, r_floats(x), 12);
    ADD(struct with_long_double, r_with_long_double(x), LONG_DOUBLE);
    ADD(struct four_doubles, r_four_doubles(x), 32);
    ADD(struct four_vectors, r_four_vectors(x), 64);
    ADD(struct large, r_large(x), 72);
  }
  printf("%016lx\n", sum);
  return 0;
}
