import Testing

@testable import ApusPatchBuild

@Suite struct SourceChangeTests {
  @Test func hunksOfADiff() {
    let hunks = SourceChange.hunks(
      "--- a\n+++ b\n@@ -3,0 +4,2 @@ f\n+x\n+y\n@@ -10,3 +13 @@\n-a\n-b\n-c\n+d\n@@ -20 +20,0 @@\n-e\n")
    #expect(
      hunks == [
        .init(nextOld: 4, nextNew: 6), .init(nextOld: 13, nextNew: 14), .init(nextOld: 21, nextNew: 21),
      ])
  }

  /// What compilers would number each line as.
  private func numbers(_ lines: [String]) -> [String: Int] {
    var number = 1
    var result: [String: Int] = [:]
    for line in lines {
      if line.hasPrefix("#line ") {
        number = Int(line.dropFirst(6)) ?? 0
      } else {
        result[line] = number
        number += 1
      }
    }
    return result
  }

  @Test func linesBehindTheFunctionKeepTheirNumbers() {
    let old = [
      "int f() {", " one;", "}", "int g() {", " two;", "} // g", "int h() {", " three;", "}", "last",
    ]
    let new = [
      "int f() {", " one;", " more;", " still;", "}", "int g() {", " two;", "} // g", "int h() {", "}",
      "last",
    ]
    // Two lines more in f, one fewer in h.
    let hunks: [SourceChange.Hunk] = [.init(nextOld: 3, nextNew: 5), .init(nextOld: 9, nextNew: 10)]
    let written = SourceChange.keepingLineNumbers(new.map { ArraySlice($0.utf8) }, hunks).map {
      String(decoding: $0, as: UTF8.self)
    }
    let (before, after) = (numbers(old), numbers(written))
    for line in ["int g() {", " two;", "} // g", "int h() {", "last"] {
      #expect(after[line] == before[line], "\(line)")
    }
    #expect(written.filter { $0.hasPrefix("#line") }.count == 2)
    #expect(written.filter { !$0.hasPrefix("#line") } == new)
  }

  @Test(
    "nothing is written into files that have raw strings or lines' numbers; strings that end in R are none",
    arguments: [
      ("R\"(", true), ("x = R\"abc(", true), ("u8R\"(", true), ("(LR\"-(", true),
      ("UR\"1234567890123456(", true),
      ("\"ERR\"", false), ("f(\"ERR\", g(1));", false), ("CALLER\"(", false), ("xLR\"(", false),
      ("_R\"(", false),
      ("R\"12345678901234567(", false), ("{\"R\",F(1)}", false), ("#line 7", true), (" # 12 \"x.y\"", true),
      ("#lin", false), ("R", false), ("\"", false),
    ])
  func rawStrings(_ line: String, _ isRaw: Bool) {
    let lines = ["int f() {", " more;", "}", line, "last"].map { ArraySlice($0.utf8) }
    let written = SourceChange.keepingLineNumbers(lines, [.init(nextOld: 2, nextNew: 3)])
    #expect((written == lines) == isRaw)
  }

  @Test func filesOfADiff() {
    let diff = "--- a/src/x.c\t2020\n+++ b/src/x.c\t2021\n@@ -1 +1 @@\n--- /dev/null\n+++ b/new file.h\n"
    #expect(SourceChange.files(diff, strip: 1) == ["src/x.c", "new"])
    #expect(SourceChange.isCompiled("a/b.hpp") && !SourceChange.isCompiled("README"))
  }
}
