// build: g++ -O2
// also[clang]: clang++ -O2
// also[static_libgcc]: g++ -O2 -static-libgcc
// also[static]: g++ -O2 -static
// also[static_pie]: g++ -O2 -static-pie -fPIE
// also[no_pie]: g++ -O2 -no-pie -fno-pie
// also[cet]: g++ -O2 -fcf-protection=full
// also[llvm_unwind]: g++ -O2 -Wl,--no-as-needed -l:libunwind.so.1
// counts: callgrind
// calls: main=1 throwing(int)=1400 through(int, int)=3300 cleanup_only(int)=400
// needs-slow: unwound,re_armed
// Exceptions over traced frames: thrown, rethrown, nested, replaced, kept in an exception_ptr, thrown and caught inside a
// destructor that runs because of another, and through frames that only clean up.
#include "hard.h"
#include <exception>
#include <stdexcept>
#include <string>

static uint64_t sum;

TRACED void note(uint64_t value) {
  KEEP;
  sum = mix(sum, value);
}

struct Guard {
  uint64_t tag;
  explicit Guard(uint64_t tag) : tag(tag) {}
  TRACED ~Guard() { note(tag); }
};

TRACED int throwing(int i) {
  KEEP;
  switch (i % 3) {
  case 0: throw std::runtime_error("run " + std::to_string(i));
  case 1: throw i;
  default: throw std::out_of_range("range " + std::to_string(i));
  }
}

TRACED int through(int depth, int i) {
  KEEP;
  int result = depth == 0 ? throwing(i) : through(depth - 1, i);
  KEEP;
  return result + 1;
}

TRACED int cleanup_only(int i) {
  Guard outer(i);
  Guard inner(i + 1);
  int result = through(3, i);
  note(result);
  return result;
}

TRACED uint64_t caught(int i) {
  try {
    cleanup_only(i);
  } catch (const std::out_of_range &error) {
    return error.what()[6];
  } catch (const std::exception &error) {
    return error.what()[4];
  } catch (int value) {
    return value;
  }
  return 0;
}

TRACED void rethrowing(int i) {
  try {
    through(2, i);
  } catch (...) {
    note(i);
    throw;
  }
}

TRACED uint64_t rethrown(int i) {
  try {
    try {
      rethrowing(i);
    } catch (const std::exception &) {
      note(7);
      throw;
    }
  } catch (const std::exception &error) {
    return error.what()[0];
  } catch (int value) {
    return value;
  }
  return 0;
}

struct ThrowsInside {
  int i;
  TRACED ~ThrowsInside() {
    try {
      through(1, i + 1);
    } catch (...) {
      note(i);
    }
  }
};

TRACED uint64_t while_unwinding(int i) {
  try {
    ThrowsInside inside{i};
    through(1, i);
  } catch (...) {
    try {
      through(0, i + 2);
    } catch (...) {
      return i;
    }
  }
  return 0;
}

TRACED uint64_t kept(int i) {
  std::exception_ptr pointer;
  try {
    try {
      throwing(i);
    } catch (...) {
      std::throw_with_nested(std::logic_error("outer"));
    }
  } catch (...) {
    pointer = std::current_exception();
  }
  try {
    std::rethrow_exception(pointer);
  } catch (const std::exception &error) {
    try {
      std::rethrow_if_nested(error);
    } catch (int value) {
      return value;
    } catch (const std::exception &nested) {
      return nested.what()[1];
    }
  }
  return 0;
}

TRACED int function_try(int i) try {
  return through(0, i);
} catch (...) {
  return i * 3;
}

int main() {
  for (int i = 0; i < 400; i++) note(caught(i));
  printf("cleanup %016lx\n", sum);
  for (int i = 0; i < 200; i++) note(rethrown(i));
  printf("rethrow %016lx\n", sum);
  for (int i = 0; i < 200; i++) note(while_unwinding(i));
  printf("nested %016lx\n", sum);
  for (int i = 0; i < 100; i++) note(kept(i));
  for (int i = 0; i < 100; i++) note(function_try(i));
  printf("kept %016lx\n", sum);
  return 0;
}
