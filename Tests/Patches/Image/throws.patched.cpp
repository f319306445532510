#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include "work.h"

struct Noisy {
  const char *name;
  ~Noisy() { std::printf("~%s\n", name); }
};
struct Shape {
  virtual ~Shape() {}
  virtual int area(int x) const { return x; }
};
struct Square : Shape {
  int area(int x) const override { return x * x + 1; }
};
template <class T> T largest(T a, T b) { return a < b ? b : a; }

struct Refused : std::logic_error {
  int code;
  explicit Refused(int code) : std::logic_error("refused"), code(code) {}
};

int work(int x) {
  Noisy noisy = {"new work"};
  if (x % 4 == 2) throw Refused(x);
  if (x % 4 == 3) throw std::runtime_error("still three");
  return x;
}
const char *name(int x) {
  static const std::map<int, std::string> names = {{1, "one"}, {2, "two"}};
  auto found = names.find(x);
  return found == names.end() ? (x > 5 ? "large" : "??") : found->second.c_str();
}
double ratio(int x) {
  Noisy noisy = {"ratio"};
  try {
    return work(x) / 2.0;
  } catch (const Refused &error) {
    std::printf("caught %s %d\n", error.what(), error.code);
    return -2;
  } catch (const std::exception &error) {
    std::printf("caught %s\n", error.what());
    return -1;
  }
}
int same(int (*pointer)(int)) { return pointer == work; }
int sorted(void) {
  Square square;
  const Shape *shape = &square;
  return shape->area(largest(2, 3)) + (int)largest(1.5, 2.5) + (int)largest<long>(4, 5);
}
const char *spell(const char *text) {
  static std::string kept;
  kept += text;
  kept += "+";
  return kept.c_str();
}
int chained(int x) {
  try {
    try {
      return twice(x) + work(x + 2);
    } catch (const std::runtime_error &) {
      throw;
    }
  } catch (...) {
    return -x - 1;
  }
}
