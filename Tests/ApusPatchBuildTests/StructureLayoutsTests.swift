import ApusELF
import TestSupport
import Testing

@testable import ApusPatchBuild

@Suite struct StructureLayoutsTests {
  /// Compiles a source, and reads its object's types.
  static func layouts(_ source: String, _ compiler: String, _ language: String = "c") throws
    -> StructureLayouts
  {
    let scratch = try Scratch()
    try scratch.write("t.\(language)", source + "\n")
    try scratch.run("\(compiler) -c t.\(language) -o t.o")
    return try StructureLayouts(try ELFImage(source: try scratch.read("t.o")))
  }

  /// What has changed from one source to another, as `name: what`.
  static func changes(
    _ old: String, _ new: String, _ compiler: String, _ language: String = "c"
  ) throws -> [String] {
    let (before, after) = (try layouts(old, compiler, language), try layouts(new, compiler, language))
    #expect(before.isKnown && after.isKnown)
    return before.changes(to: after).map { "\($0.name): \($0.what)" }
  }

  /// A change of C, and what is said of it.
  struct Case: Sendable, CustomStringConvertible {
    var description: String
    var old: String
    var new: String
    var expected: [String] = []
  }

  /// In C: what other members are is between the braces of `struct s`, of which there is a variable.
  private static func members(_ name: String, _ old: String, _ new: String, _ what: String? = nil) -> Case {
    let text: (String) -> String = {
      "enum e { one, two }; typedef int number; struct in { int a, b; }; struct s { \($0) } s;"
    }
    return Case(description: name, old: text(old), new: text(new), expected: what.map { ["s: \($0)"] } ?? [])
  }

  static let cases: [Case] = [
    members("the same", "int a; long b;", "int a; long b;"),
    members("one more", "int a;", "int a; int b;", "it has 8 bytes instead of 4; new: b"),
    members("one in a hole", "char a; long b;", "char a; char c; long b;", "new: c"),
    members(
      "one less", "int a; int b;", "int a;", "it has 4 bytes instead of 8; elsewhere, others or gone: b"),
    members("changed places", "int a; int b;", "int b; int a;", "elsewhere, others or gone: a, b"),
    members("another name", "int a;", "int b;", "new: b; elsewhere, others or gone: a"),
    members(
      "many", "int a;", "int a, b, c, d, e, f;", "it has 24 bytes instead of 4; new: b, c, d, e"),
    members("as wide, another kind", "int a;", "float a;", "elsewhere, others or gone: a"),
    members("wider", "int a;", "long a;", "it has 8 bytes instead of 4; elsewhere, others or gone: a"),
    // What is stored is the same.
    members("signs", "int a; unsigned long b;", "unsigned a; long b;"),
    members("typedefs", "int a;", "number a;"),
    members("qualifiers", "int a; int *b;", "const int a; int *volatile b;"),
    members("pointers", "int *a; void *b;", "struct s *a; void (*b)(int);"),
    members("enumerations", "int a;", "enum e a;"),
    members("pointer and integer", "long a;", "long *a;", "elsewhere, others or gone: a"),
    // Arrays.
    members("length", "char a[4]; int b;", "char a[3]; int b;", "elsewhere, others or gone: a"),
    members("dimensions", "char a[2][6];", "char a[3][4];", "elsewhere, others or gone: a"),
    members("elements", "int a[2];", "float a[2];", "elsewhere, others or gone: a"),
    members("without length", "int n; int a[];", "int n; float a[];", "elsewhere, others or gone: a"),
    // Bit fields.
    members("widths", "int a : 3; int b : 5;", "int a : 4; int b : 4;", "elsewhere, others or gone: a, b"),
    members("one more bit field", "int a : 3;", "int a : 3; int b : 5;", "new: b"),
    members("the same bit fields", "unsigned a : 3, b : 5;", "unsigned a : 3, b : 5;"),
    // Others inside.
    members("structures by name", "struct in a;", "struct in a;"),
    members("another structure", "struct in a;", "struct { int a, b; } a;", "elsewhere, others or gone: a"),
    members(
      "nameless, inside changed", "struct { int x; float y; } a;", "struct { float y; int x; } a;",
      "elsewhere, others or gone: a"),
    members(
      "nameless members", "union { int x; float y; };", "union { int x; char y; };",
      "its members are at other places"),
    members(
      "deep inside",
      "struct { struct { struct { struct { struct { struct { int x; float y; } f; } e; } d; } c; } b; } a;",
      "struct { struct { struct { struct { struct { struct { float y; int x; } f; } e; } d; } c; } b; } a;",
      "elsewhere, others or gone: a"),
    Case(
      description: "what is inside is told by its own name",
      old: "struct in { int a; }; struct out { struct in i; int *p; } o;",
      new: "struct in { float a; }; struct out { struct in i; int *p; } o;",
      expected: ["in: elsewhere, others or gone: a"]),
    Case(
      description: "both, if the size changes",
      old: "struct in { int a; }; struct out { struct in i; int k; } o;",
      new: "struct in { int a, b; }; struct out { struct in i; int k; } o;",
      expected: [
        "in: it has 8 bytes instead of 4; new: b",
        "out: it has 12 bytes instead of 8; elsewhere, others or gone: k",
      ]),
    Case(
      description: "types that only one has", old: "struct a { int x; } a; struct b { int x; } b;",
      new: "struct c { int x; } c; struct b { int x; } b;"),
    Case(
      description: "declared only", old: "struct a; struct a *p;", new: "struct a { int x; }; struct a *p, q;"
    ),
    Case(
      description: "unions", old: "union u { int a; float b; } u;", new: "union u { int a; double b; } u;",
      expected: ["u: it has 8 bytes instead of 4; elsewhere, others or gone: b"]),
    Case(
      description: "a typedef's name", old: "typedef struct { int a; } type; type t;",
      new: "typedef struct { float a; } type; type t;", expected: ["type: elsewhere, others or gone: a"]),
    Case(
      description: "a typedef of a pointer",
      old: "typedef struct { int a; } *type; type t; int f(void) { return t->a; }",
      new: "typedef struct { float a; } *type; type t; int f(void) { return t->a; }",
      expected: ["type: elsewhere, others or gone: a"]),
    Case(
      description: "a typedef, and one of a pointer to it",
      old: "typedef struct { int a; } type, *pointer; pointer p; type t; int f(void) { return p->a; }",
      new: "typedef struct { float a; } type, *pointer; pointer p; type t; int f(void) { return p->a; }",
      expected: ["type: elsewhere, others or gone: a"]),
    Case(
      description: "what a variable points to",
      old: "static struct { int a; } *const *p; int f(void) { return (*p)->a + (p += 1, 1); }",
      new: "static struct { float a; } *const *p; int f(void) { return (*p)->a + (p += 1, 1); }",
      expected: ["what p points to: elsewhere, others or gone: a"]),
    Case(
      description: "what a member points to",
      old: "struct s { int count; struct { int a; } *items; } s; int f(void) { return s.items->a; }",
      new: "struct s { int count; struct { float a; } *items; } s; int f(void) { return s.items->a; }",
      expected: ["what s::items points to: elsewhere, others or gone: a"]),
    Case(
      description: "what pointers of an array point to",
      old: "struct s { struct { int a; } *items[2]; } s; int f(void) { return s.items[1]->a; }",
      new: "struct s { struct { float a; } *items[2]; } s; int f(void) { return s.items[1]->a; }",
      expected: ["what s::items points to: elsewhere, others or gone: a"]),
    Case(
      description: "the types of variables",
      old: "static const struct { int a; } table[2] = {{1}}; int f(int i) { return table[i].a; }",
      new: "static const struct { float a; } table[2] = {{1}}; int f(int i) { return table[i].a; }",
      expected: ["the type of table: elsewhere, others or gone: a"]),
    Case(
      description: "one name in two functions",
      old:
        "int f(int i) { struct s { int a; } s = {i}; return s.a; } int g(int i) { struct s { int a, b; } s = {i, i}; return s.b; }",
      new:
        "int f(int i) { struct s { int a; } s = {i}; return s.a; } int g(int i) { struct s { float a, b; } s = {i, i}; return s.b; }",
      expected: ["s: its members are at other places"]),
    Case(
      description: "those, in another order",
      old:
        "int f(int i) { struct s { int a; } s = {i}; return s.a; } int g(int i) { struct s { int a, b; } s = {i, i}; return s.b; }",
      new:
        "int g(int i) { struct s { int a, b; } s = {i, i}; return s.b; } int f(int i) { struct s { int a; } s = {i}; return s.a; }"
    ),
  ]

  static let compilers = [
    "gcc -gdwarf-4", "gcc -gdwarf-5", "clang -gdwarf-4", "clang -gdwarf-5", "aarch64-linux-gnu-gcc -g",
    "powerpc64le-linux-gnu-gcc -g",
  ]

  @Test("changes of C structures", arguments: compilers)
  func c(_ compiler: String) throws {
    for item in Self.cases {
      let found = try Self.changes(item.old, item.new, compiler)
      #expect(found == item.expected, "\(item) (\(compiler))")
    }
  }

  static let classCases: [Case] = [
    Case(
      description: "names with what they stand in",
      old: "namespace n { struct a { struct b { int x; } y; }; } n::a v;",
      new: "namespace n { struct a { struct b { float x; } y; }; } n::a v;",
      expected: ["n::a::b: elsewhere, others or gone: x"]),
    Case(
      description: "one name in two namespaces",
      old: "namespace n { struct a { int x; } v; } namespace m { struct a { int x; } v; }",
      new: "namespace n { struct a { int x; } v; } namespace m { struct a { float x; } v; }",
      expected: ["m::a: elsewhere, others or gone: x"]),
    Case(
      description: "bases", old: "struct a { int x; }; struct b { int y; }; struct c : a, b {} v;",
      new: "struct a { int x; }; struct b { int y; }; struct c : b, a {} v;",
      expected: ["c: its members are at other places"]),
    Case(
      description: "the first virtual function",
      old: "struct a { int x; int f(); } v; int a::f() { return x; }",
      new: "struct a { int x; virtual int f(); } v; int a::f() { return x; }", expected: ["a"]),
    Case(
      description: "functions and access",
      old: "class a { int x; public: int f() { return x; } } v; int g() { return v.f(); }",
      new:
        "class a { public: int x; int f() { return x; } int h() { return 2; } } v; int g() { return v.f() + v.h(); }"
    ),
    Case(
      description: "static members", old: "struct a { int x; int y; } v; int f() { return v.x; }",
      new:
        "struct a { int x; static int count; static const int limit = 5; int y; } v; int a::count; int f() { return v.x; }"
    ),
    Case(
      description: "references", old: "struct a { a(int &); int &x; }; a::a(int &y) : x(y) {}",
      new: "struct a { a(int &); long &x; }; long l; a::a(int &) : x(l) {}"),
  ]

  @Test(
    "changes of C++ classes",
    arguments: ["g++ -gdwarf-4", "g++ -gdwarf-5", "clang++ -gdwarf-4", "clang++ -gdwarf-5"])
  func classes(_ compiler: String) throws {
    for item in Self.classCases {
      let found = try Self.changes(item.old, item.new, compiler, "cpp")
      if item.expected == ["a"] {
        // (What the compilers call the pointer to the table of functions is their own.)
        #expect(
          found.count == 1 && found[0].hasPrefix("a: it has 16 bytes instead of 4; new: _vptr"), "\(found)")
      } else {
        #expect(found == item.expected, "\(item) (\(compiler))")
      }
    }
  }

  @Test(
    "whether all is known",
    arguments: [
      ("gcc -g", true), ("clang -g", true), ("gcc -gdwarf-2 -gstrict-dwarf", true), ("gcc", false),
      ("clang -gline-tables-only", false), ("gcc -g -gz", false), ("gcc -g -gsplit-dwarf", false),
      ("gcc -gdwarf-5 -fdebug-types-section", false), ("gcc -gdwarf-4 -fdebug-types-section", false),
    ])
  func known(_ compiler: String, _ isKnown: Bool) throws {
    let layouts = try Self.layouts("struct s { int a; } s; int f(void) { return s.a; }", compiler)
    #expect(layouts.isKnown == isKnown)
    if isKnown { #expect(layouts.byName["s"]?.first?.size == 4) }
  }

  @Test func typesWithoutNamesInEachOther() throws {
    // 40 members of a type with 40 members of one with 40 with 40: 2.56 million numbers.
    let forty: (String) -> String = { letter in (0..<40).map { "\(letter)\($0)" }.joined(separator: ", ") }
    func source(_ kind: String) -> String {
      "union u { union { union { union { \(kind) \(forty("x")); } \(forty("a")); } \(forty("b")); } \(forty("c")); } u;"
    }
    let layouts = try Self.layouts(source("int"), "gcc -g")
    let members = try #require(layouts.byName["u"]?.first?.members)
    #expect(members.count == 40 && members.allSatisfy { $0.kind.utf8.count < 200 && !$0.kind.isEmpty })
    #expect(Set(members.map(\.kind)).count == 1)
    #expect(layouts.changes(to: try Self.layouts(source("int"), "gcc -g")).isEmpty)
    #expect(layouts.changes(to: try Self.layouts(source("float"), "gcc -g")).map(\.name) == ["u"])
  }

  @Test("damaged files give an error or an answer", arguments: ["gcc -gdwarf-4", "clang -gdwarf-5"])
  func damaged(_ compiler: String) throws {
    let scratch = try Scratch()
    try scratch.write("t.c", Self.cases.last { $0.old.contains("typedef") }?.old ?? "")
    try scratch.run("\(compiler) -c t.c -o t.o")
    let good = try scratch.read("t.o")
    let sections = try ELFImage(source: good).sections.filter { $0.name.contains(".debug_") && $0.size > 0 }
    #expect(sections.count > 3)
    var state: UInt64 = 11
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var (answers, errors) = (0, 0)
    for _ in 0..<3000 {
      var bytes = good
      for _ in 0...next(4) {
        let section = sections[next(sections.count)]
        bytes[Int(section.fileOffset) + next(Int(section.size))] = UInt8(next(256))
      }
      do throws(ELFError) {
        let layouts = try StructureLayouts(try ELFImage(source: bytes))
        _ = layouts.changes(to: layouts)
        answers += 1
      } catch { errors += 1 }
    }
    #expect(answers > 50 && errors > 50, "\(answers) answers, \(errors) errors")
  }
}
