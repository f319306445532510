import ApusCore
import TestSupport
import Testing

@Suite struct GlobTests {
  static let table: [(String, String, Bool)] = [
    ("", "", true), ("", "a", false), ("a", "a", true), ("a", "", false), ("a", "ab", false),
    ("ab", "b", false),
    ("*", "", true), ("*", "anything", true), ("**", "x", true), ("a*", "a", true), ("a*", "ba", false),
    ("*a", "bba", true), ("*a", "ab", false), ("a*b*c", "a12b3c", true), ("a*b*c", "a12b3", false),
    ("*ab*ab*", "abxab", true), ("*ab*ab*", "abxa", false), ("?", "", false), ("?", "x", true),
    ("??", "x", false),
    ("lua_*", "lua_call", true), ("lua_*", "luaL_ref", false), ("lua[A-Z]_*", "luaL_ref", true),
    ("lua[A-Z]_*", "lual_ref", false), ("[!a-c]x", "dx", true), ("[!a-c]x", "bx", false), ("[^a]", "b", true),
    ("[]a]", "]", true), ("[!]a]", "]", false), ("[a-]", "-", true), ("[z-a]", "m", false),
    ("[abc", "[abc", true),
    ("operator[]", "operator[]", true), ("operator()", "operator()", true), ("\\*", "*", true),
    ("\\*", "x", false),
    ("a\\", "a\\", true), ("é", "é", true), ("??", "é", true), ("?", "é", false),
    ("std::*::push_back(*)", "std::vector<int>::push_back(int&&)", true),
  ]

  @Test(arguments: table) func matches(_ pattern: String, _ name: String, _ expected: Bool) {
    #expect(Glob(pattern).matches(name) == expected)
  }

  /// The definition, word for word.
  func slow(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    guard let first = pattern.first else { return name.isEmpty }
    if first == UInt8(ascii: "*") {
      return slow(pattern.dropFirst(), name) || (!name.isEmpty && slow(pattern, name.dropFirst()))
    }
    guard let byte = name.first, first == UInt8(ascii: "?") || first == byte else { return false }
    return slow(pattern.dropFirst(), name.dropFirst())
  }

  @Test func agreesWithTheDefinitionOnSmallWords() {
    var generator = Randomness(seed: 1)
    for round in 0..<20000 {
      let pattern = (0..<Int.random(in: 0...7, using: &generator)).map { _ in
        Array("ab*?".utf8)[Int.random(in: 0..<4, using: &generator)]
      }
      let name = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
        UInt8.random(in: 97...98, using: &generator)
      }
      let glob = Glob(String(decoding: pattern, as: UTF8.self))
      #expect(
        glob.matches(bytes: name) == slow(pattern[...], name[...]), "round \(round): \(glob) on \(name)")
      // The same behind a prefix that makes the states fill more than one word.
      let long = Array(repeating: UInt8(ascii: "c"), count: 61)
      let wide = Glob(String(decoding: long + pattern, as: UTF8.self))
      #expect(wide.matches(bytes: long + name) == slow(pattern[...], name[...]), "wide, round \(round)")
    }
  }

  @Test func badPatternsDoNotBacktrack() {
    // Backtracking would take longer than the universe's age.
    let name = String(repeating: "a", count: 5000)
    #expect(!Glob(String(repeating: "*a", count: 40) + "*b").matches(name))
    #expect(Glob(String(repeating: "*a", count: 300) + "*").matches(name))
  }
}
