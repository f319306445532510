// rule: a coroutine's body changed: frames of the old layout are on the heap
// flags: -std=c++20
// refused: coroutine f
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
Task f(int x) {
  use(x);
  co_await std::suspend_always{};
#if PATCH
  use(x + 2);
#else
  use(x + 1);
#endif
}
Task g(int x) {
  use(x);
  co_await std::suspend_always{};
  use(x + 1);
}
