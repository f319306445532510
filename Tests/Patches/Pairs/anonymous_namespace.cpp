// rule: functions of an unnamed namespace are local, whatever their names look like
// changed: (anonymousnamespace)::helper(int)
#include "pair.h"
namespace {
int state = 3;
ALONE int helper(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return state += use(x);
}
struct Local {
  ALONE int get(int x) { return use(x) + state; }
};
} // namespace
int f(int x) { return helper(x) + Local().get(x); }
