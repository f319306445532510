// build: g++ -O2 -std=c++20
// also[clang]: clang++ -O2 -std=c++20
// counts: callgrind
// calls: main=1 leaf(int)=15365
// needs-slow: tail_calls
// C++20 coroutines: generators, tasks that await tasks with symmetric transfer (tail calls between resume functions), and
// an exception that passes through awaiting coroutines.
#include "hard.h"
#include <coroutine>
#include <exception>
#include <stdexcept>
#include <utility>

TRACED int leaf(int x) {
  KEEP;
  return x * 41 + 1;
}

struct Generator {
  struct promise_type {
    int value = 0;
    Generator get_return_object() { return Generator{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(int next) {
      value = next;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
  explicit Generator(std::coroutine_handle<promise_type> handle) : handle(handle) {}
  Generator(Generator &&other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  ~Generator() {
    if (handle) handle.destroy();
  }
  bool next() {
    handle.resume();
    return !handle.done();
  }
};

struct Task {
  struct promise_type {
    int value = 0;
    std::exception_ptr error;
    std::coroutine_handle<> waiting;
    Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept {
        auto waiting = done.promise().waiting;
        return waiting ? waiting : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(int result) { value = result; }
    void unhandled_exception() { error = std::current_exception(); }
  };
  std::coroutine_handle<promise_type> handle;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle(handle) {}
  Task(Task &&other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  ~Task() {
    if (handle) handle.destroy();
  }
  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
    handle.promise().waiting = caller;
    return handle;
  }
  int await_resume() {
    if (handle.promise().error) std::rethrow_exception(handle.promise().error);
    return handle.promise().value;
  }
};

Generator count_to(int limit) {
  for (int i = 0; i < limit; i++) co_yield leaf(i);
}

Task nested(int depth, bool throws) {
  if (depth == 0) {
    if (throws) throw std::runtime_error("deep");
    co_return leaf(depth);
  }
  int below = co_await nested(depth - 1, throws);
  co_return below + leaf(depth);
}

TRACED uint64_t run(int depth, bool throws) {
  Task task = nested(depth, throws);
  task.handle.resume();
  REQUIRE(task.handle.done());
  try {
    return task.await_resume();
  } catch (const std::runtime_error &error) {
    return error.what()[0];
  }
}

int main() {
  uint64_t sum = 0;
  for (int i = 0; i < 40; i++) {
    Generator numbers = count_to(i * 10);
    while (numbers.next()) sum = mix(sum, numbers.handle.promise().value);
  }
  printf("%016lx\n", sum);
  for (int i = 0; i < 300; i++) sum = mix(sum, run(i % 103, i % 2));
  printf("%016lx\n", sum);
  return 0;
}
