// rule: what a coroutine calls changed, the coroutine did not
// flags: -std=c++20
// changed: helper(int)
#include <coroutine>
#include "pair.h"
struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> handle;
};
ALONE int helper(int x) {
#if PATCH
  if (x < 0) return 0;
#endif
  return use(x);
}
Task f(int x) {
  use(x);
  co_await std::suspend_always{};
  helper(x + 1);
}
