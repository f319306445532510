// rule: a namespace gets a name: functions under new names, variables lose what they hold
// changed: f(int)
// added: inner::helper(int) inner::state
// removed: (anonymousnamespace)::helper(int)
// refused: data-removed *
#include "pair.h"
#if PATCH
namespace inner {
#else
namespace {
#endif
int state = 3;
ALONE int helper(int x) { return state += use(x); }
} // namespace
#if PATCH
using namespace inner;
#endif
int f(int x) { return helper(x) + state; }
