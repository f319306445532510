// build: g++ -O2 -std=c++17
// also[clang]: clang++ -O2 -std=c++17
// also[o1]: g++ -O1 -std=c++17
// counts: callgrind
// counts[arm64]: emulator
// A larger C++ program, as C++ is written: containers, strings, streams, algorithms, function objects, variants, shared
// pointers, class hierarchies, and exceptions as part of its ordinary course. An expression evaluator over generated input.
//   templates [COUNT]
#include "hard.h"
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

struct SyntaxError : std::runtime_error {
  size_t place;
  SyntaxError(const std::string &what, size_t place) : std::runtime_error(what), place(place) {}
};
struct DivisionByZero : std::domain_error {
  DivisionByZero() : std::domain_error("division by zero") {}
};

class Node {
public:
  virtual ~Node() = default;
  virtual long value(const std::map<std::string, long> &names) const = 0;
  virtual void print(std::ostream &out) const = 0;
};
using NodePointer = std::shared_ptr<Node>;

class Constant : public Node {
  long number;

public:
  explicit Constant(long number) : number(number) {}
  long value(const std::map<std::string, long> &) const override { return number; }
  void print(std::ostream &out) const override { out << number; }
};

class Variable : public Node {
  std::string name;

public:
  explicit Variable(std::string name) : name(std::move(name)) {}
  long value(const std::map<std::string, long> &names) const override { return names.at(name); }
  void print(std::ostream &out) const override { out << name; }
};

template <typename Operation> class Binary : public Node {
  NodePointer left, right;

public:
  Binary(NodePointer left, NodePointer right) : left(std::move(left)), right(std::move(right)) {}
  long value(const std::map<std::string, long> &names) const override {
    return Operation::apply(left->value(names), right->value(names));
  }
  void print(std::ostream &out) const override {
    out << '(';
    left->print(out);
    out << Operation::sign;
    right->print(out);
    out << ')';
  }
};

struct Add { static constexpr char sign = '+'; static long apply(long a, long b) { return (a + b) % 1000003; } };
struct Subtract { static constexpr char sign = '-'; static long apply(long a, long b) { return (a - b) % 1000003; } };
struct Multiply { static constexpr char sign = '*'; static long apply(long a, long b) { return a * b % 1000003; } };
struct Divide {
  static constexpr char sign = '/';
  static long apply(long a, long b) {
    if (b == 0) throw DivisionByZero();
    return a / b;
  }
};

class Parser {
  const std::string &text;
  size_t place = 0;

  char peek() const { return place < text.size() ? text[place] : '\0'; }

  NodePointer atom() {
    if (peek() == '(') {
      place++;
      NodePointer inside = sum();
      if (peek() != ')') throw SyntaxError("expected )", place);
      place++;
      return inside;
    }
    if (peek() >= '0' && peek() <= '9') {
      long number = 0;
      while (peek() >= '0' && peek() <= '9') number = number * 10 + (text[place++] - '0');
      return std::make_shared<Constant>(number);
    }
    if (peek() >= 'a' && peek() <= 'z') return std::make_shared<Variable>(std::string(1, text[place++]));
    throw SyntaxError("unexpected character", place);
  }
  NodePointer product() {
    NodePointer left = atom();
    while (peek() == '*' || peek() == '/') {
      if (text[place++] == '*')
        left = std::make_shared<Binary<Multiply>>(left, atom());
      else
        left = std::make_shared<Binary<Divide>>(left, atom());
    }
    return left;
  }
  NodePointer sum() {
    NodePointer left = product();
    while (peek() == '+' || peek() == '-') {
      if (text[place++] == '+')
        left = std::make_shared<Binary<Add>>(left, product());
      else
        left = std::make_shared<Binary<Subtract>>(left, product());
    }
    return left;
  }

public:
  explicit Parser(const std::string &text) : text(text) {}
  NodePointer parse() {
    NodePointer whole = sum();
    if (place != text.size()) throw SyntaxError("left over", place);
    return whole;
  }
};

class Random {
  uint64_t state;

public:
  explicit Random(uint64_t seed) : state(seed) {}
  unsigned below(unsigned limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return unsigned(state >> 33) % limit;
  }
};

static void generate(Random &random, int depth, std::string &text) {
  unsigned kind = depth > 0 ? random.below(8) : random.below(2);
  if (kind == 0) {
    text += std::to_string(random.below(100));
  } else if (kind == 1) {
    text += char('a' + random.below(5));
  } else if (kind == 7 && random.below(10) == 0) {
    text += "?";
  } else {
    text += '(';
    generate(random, depth - 1, text);
    text += "+-*/"[random.below(4)];
    generate(random, depth - 1, text);
    text += ')';
  }
}

using Outcome = std::variant<long, std::string>;

static Outcome evaluate(const std::string &text, const std::map<std::string, long> &names) {
  try {
    NodePointer tree = Parser(text).parse();
    std::ostringstream printed;
    tree->print(printed);
    if (printed.str().size() > 4000) throw std::length_error("too long");
    return tree->value(names);
  } catch (const SyntaxError &error) {
    return std::string(error.what()) + " at " + std::to_string(error.place);
  } catch (const std::out_of_range &) {
    return std::string("unknown name");
  } catch (const std::logic_error &error) {
    return std::string(error.what());
  }
}

template <typename Range, typename Function> auto map_all(const Range &range, Function function) {
  std::vector<decltype(function(*range.begin()))> results;
  for (const auto &element : range) results.push_back(function(element));
  return results;
}

int main(int count, char **arguments) {
  int expressions = count > 1 ? std::atoi(arguments[1]) : 2000;
  Random random(42);
  std::vector<std::string> texts;
  for (int i = 0; i < expressions; i++) {
    std::string text;
    generate(random, 6, text);
    texts.push_back(std::move(text));
  }
  const std::map<std::string, long> names{{"a", 3}, {"b", 0}, {"c", 17}, {"d", 255}};
  auto outcomes = map_all(texts, [&](const std::string &text) { return evaluate(text, names); });

  std::unordered_map<std::string, int> messages;
  std::vector<long> values;
  for (const Outcome &outcome : outcomes)
    std::visit(
        [&](const auto &content) {
          if constexpr (std::is_same_v<std::decay_t<decltype(content)>, long>)
            values.push_back(content);
          else
            messages[content.substr(0, 12)]++;
        },
        outcome);
  std::sort(values.begin(), values.end(), [](long a, long b) { return a % 97 != b % 97 ? a % 97 < b % 97 : a < b; });
  uint64_t sum = std::accumulate(values.begin(), values.end(), uint64_t(1),
                                 [](uint64_t sum, long value) { return mix(sum, uint64_t(value)); });
  std::map<std::string, int> ordered(messages.begin(), messages.end());
  for (const auto &[message, times] : ordered) printf("%-14s %d\n", message.c_str(), times);
  printf("%zu values, %016lx\n", values.size(), sum);
  return 0;
}
