// rule: noexcept goes: only the exception table and what it lets through differ
// changed: f(int)
#include "pair.h"
int f(int x)
#if !PATCH
    noexcept
#endif
{
  return use(x) + other(x);
}
int g(int x) noexcept { return use(x) + other(x) + 1; }
int h(int x) { return use(x) + other(x) + 2; }
