// Shared by the pairs.
#ifndef PAIR_H
#define PAIR_H

// A function that the compiler looks into from nowhere else.
#if defined(__clang__)
#define ALONE __attribute__((noinline))
#else
#define ALONE __attribute__((noipa))
#endif
#define NOINLINE __attribute__((noinline))

#ifdef __cplusplus
extern "C" {
#endif
// Defined elsewhere.
int use(int);
int other(int);
void say(const char *);
void take(void *);
#ifdef __cplusplus
}
#endif

#endif
