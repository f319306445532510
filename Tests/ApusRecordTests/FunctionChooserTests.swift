import ApusCore
import ApusRecord
import Testing

@Suite struct FunctionChooserTests {
  private func chooser(
    f: [String] = [], x: [String] = [], root: [String] = [], module: [String] = [],
    demangle: @escaping @Sendable (String) -> String = { $0 }
  ) -> FunctionChooser {
    var options = RecordOptions(command: ["p"])
    options.functions = f.map { Glob($0) }
    options.excluded = x.map { Glob($0) }
    options.roots = root.map { Glob($0) }
    options.modules = module.map { Glob($0) }
    options.demangle = demangle
    return FunctionChooser(options)
  }

  /// What a function is chosen as by every combination of matching and other patterns.
  @Test(
    arguments: [
      ([], [], [], .everywhere), (["foo"], [], [], .everywhere), (["bar"], [], [], nil),
      ([], ["foo"], [], nil),
      ([], ["bar"], [], .everywhere), ([], [], ["foo"], .root), ([], [], ["bar"], .inside),
      (["foo"], ["foo"], [], nil),
      (["foo"], ["bar"], [], .everywhere), (["bar"], ["foo"], [], nil), (["bar"], ["bar"], [], nil),
      (["foo"], [], ["foo"], .everywhere), (["foo"], [], ["bar"], .everywhere), (["bar"], [], ["foo"], .root),
      (["bar"], [], ["bar"], .inside), ([], ["foo"], ["foo"], nil), ([], ["foo"], ["bar"], nil),
      ([], ["bar"], ["foo"], .root), ([], ["bar"], ["bar"], .inside), (["foo"], ["foo"], ["foo"], nil),
      (["bar"], ["bar"], ["bar"], .inside), (["b*", "f?o"], [], [], .everywhere),
      ([], ["b*", "f*"], [], nil),
      ([], [], ["b*", "*o"], .root), (["fo"], [], [], nil), (["*fooo"], [], [], nil),
    ] as [([String], [String], [String], FunctionChooser.Choice?)])
  func combinations(f: [String], x: [String], root: [String], wanted: FunctionChooser.Choice?) {
    #expect(chooser(f: f, x: x, root: root).choice(["foo"]) == wanted)
  }

  @Test func anyNameOfAFunctionWillDo() {
    #expect(chooser(f: ["alias"]).choice(["name", "alias"]) == .everywhere)
    #expect(chooser(x: ["alias"]).choice(["name", "alias"]) == nil)
    #expect(chooser(f: ["alias"]).choice([]) == nil)
  }

  @Test(
    arguments: [
      ("_Zmangled", true), ("space::type::name(int, char)", true), ("space::type::name", true),
      ("*::name", true),
      ("space::*", true), ("name", false), ("space::type::name(int)", false), ("*(int, char)", true),
      ("_Z*", true),
    ])
  func demangledNames(pattern: String, isChosen: Bool) {
    let chooser = chooser(f: [pattern]) { $0 == "_Zmangled" ? "space::type::name(int, char)" : $0 }
    #expect((chooser.choice(["_Zmangled"]) == .everywhere) == isChosen)
    #expect(chooser.choice(["_Zother"]) == (pattern == "_Z*" ? .everywhere : nil))
  }

  @Test(arguments: [
    // Operators and function types have parentheses that are not their parameters.
    ("Type::operator()(int) const", "Type::operator()"),
    ("(anonymous namespace)::hidden(int)", "(anonymous namespace)::hidden"),
    ("operator()", "operator()"), ("plain()", "plain"),
  ])
  func namesWithoutTheirParameters(readable: String, pattern: String) {
    #expect(chooser(f: [pattern], demangle: { _ in readable }).choice(["_Z1"]) == .everywhere)
  }

  @Test(
    arguments: [
      ([], true), (["/usr/lib/libz.so.1"], true), (["libz.so.1"], true), (["libz*"], true),
      (["*/libz*"], true), (["lib"], false),
      (["usr"], false), (["libc*"], false), (["libc*", "libz*"], true),
    ] as [([String], Bool)])
  func modules(patterns: [String], isIncluded: Bool) {
    #expect(chooser(module: patterns).includes(module: "/usr/lib/libz.so.1") == isIncluded)
  }
}
