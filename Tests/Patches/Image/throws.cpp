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
  int area(int x) const override { return x * x; }
};
template <class T> T largest(T a, T b) { return a < b ? b : a; }

int work(int x) {
  Noisy noisy = {"work"};
  if (x % 4 == 3) throw std::runtime_error("three");
  return x;
}
const char *name(int x) {
  static const std::map<int, std::string> names = {{1, "one"}, {2, "two"}};
  auto found = names.find(x);
  return found == names.end() ? "?" : found->second.c_str();
}
double ratio(int x) {
  try {
    return work(x) / 2.0;
  } catch (const std::exception &error) {
    std::printf("caught %s\n", error.what());
    return -1;
  }
}
int same(int (*pointer)(int)) { return pointer == work; }
int sorted(void) {
  Square square;
  const Shape *shape = &square;
  return shape->area(largest(2, 3));
}
const char *spell(const char *text) {
  static std::string kept;
  kept += text;
  return kept.c_str();
}
int chained(int x) {
  try {
    return twice(x) + work(x + 2);
  } catch (...) {
    return -x;
  }
}
