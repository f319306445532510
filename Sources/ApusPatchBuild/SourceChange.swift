internal import ApusSystem

/// The change of a source tree that a diff makes, with the numbers of the lines behind it kept.
struct SourceChange {
  /// A run of lines that differ (`diff -U0`): so many old lines from here on became so many new ones.
  struct Hunk: Hashable {
    /// The first line after it, as it was numbered, from 1.
    var nextOld: Int
    /// The same line now.
    var nextNew: Int
  }

  /// Reads the `@@ -a,b +c,d @@` lines of a diff without context.
  static func hunks(_ diff: String) -> [Hunk] {
    diff.split(separator: "\n").compactMap { line in
      guard line.hasPrefix("@@ -") else { return nil }
      let words = line.split(separator: " ")
      guard words.count >= 3, let old = range(words[1]), let new = range(words[2]) else { return nil }
      // Of an empty range the number is that of the line before.
      return Hunk(
        nextOld: old.count == 0 ? old.start + 1 : old.start + old.count,
        nextNew: new.count == 0 ? new.start + 1 : new.start + new.count)
    }
  }

  private static func range(_ word: Substring) -> (start: Int, count: Int)? {
    let numbers = word.dropFirst().split(separator: ",").compactMap { Int($0) }
    guard let start = numbers.first else { return nil }
    return (start, numbers.count > 1 ? numbers[1] : 1)
  }

  /// The lines of a changed source file with `#line` directives, so that `__LINE__` behind the changed functions is what it
  /// was. They stand behind the end of a function (a line that begins with a brace), where no expression or macro is open.
  static func keepingLineNumbers(_ lines: [ArraySlice<UInt8>], _ hunks: [Hunk]) -> [ArraySlice<UInt8>] {
    // Raw strings may hold anything, lines that end functions too. Where the file says itself what its lines are, that counts.
    guard !lines.contains(where: { beginsRawString($0) || isDirectiveOfLine($0) }) else { return lines }
    var result: [ArraySlice<UInt8>] = []
    var pending: Int?  // what has to be taken from a new number to have the old one
    var hunks = hunks[...]
    for (index, line) in lines.enumerated() {
      let number = index + 1
      while let hunk = hunks.first, hunk.nextNew <= number {
        pending = hunk.nextNew - hunk.nextOld
        hunks = hunks.dropFirst()
      }
      result.append(line)
      // (Behind a backslash may be a carriage return.)
      let last = line.last { ![13, 32, 9].contains($0) }
      let isEnd = line.first == UInt8(ascii: "}") && last != UInt8(ascii: "\\")
      if isEnd, let shift = pending, number < lines.count {
        result.append(ArraySlice("#line \(number + 1 - shift)".utf8))
        pending = nil
      }
    }
    return result
  }

  /// Whether a line is `#line N` or `# N`.
  private static func isDirectiveOfLine(_ line: ArraySlice<UInt8>) -> Bool {
    let blanks: Set<UInt8> = [9, 32]
    var rest = line.drop { blanks.contains($0) }
    guard rest.popFirst() == UInt8(ascii: "#") else { return false }
    rest = rest.drop { blanks.contains($0) }
    return rest.starts(with: "line".utf8) || rest.first.map { (0x30...0x39).contains($0) } ?? false
  }

  /// Whether a raw string begins in a line (C++ standard, [lex.string]): an `R` that is no name's or string's last letter, a quotation
  /// mark, and up to 16 characters before a parenthesis.
  private static func beginsRawString(_ line: ArraySlice<UInt8>) -> Bool {
    func isOfName(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & ~0x20)
    }
    return line.indices.contains { quote in
      guard line[quote] == UInt8(ascii: "\""), line[..<quote].last == UInt8(ascii: "R") else { return false }
      var before = line[..<(quote - 1)]
      for prefix in ["u8", "u", "U", "L"] where before.reversed().starts(with: prefix.utf8.reversed()) {
        before = before.dropLast(prefix.utf8.count)
        break
      }
      // (Behind a quotation mark it is in a string.)
      if let last = before.last, isOfName(last) || last == UInt8(ascii: "\"") { return false }
      let rest = line[(quote + 1)...].prefix(17)
      guard let parenthesis = rest.firstIndex(of: UInt8(ascii: "(")) else { return false }
      return rest[..<parenthesis].allSatisfy { !" )\\\t\"".utf8.contains($0) }
    }
  }

  /// Whether a file's lines have numbers that the compiler knows.
  static func isCompiled(_ path: String) -> Bool {
    let endings: Set<String> = [
      "c", "cc", "cpp", "cxx", "C", "h", "hh", "hpp", "hxx", "inc", "inl", "ipp", "tcc",
    ]
    return path.split(separator: ".").last.map { endings.contains(String($0)) } ?? false
  }

  /// The files that a unified diff changes, without their first `strip` directories.
  static func files(_ diff: String, strip: Int) -> [String] {
    var result: [String] = []
    for line in diff.split(separator: "\n") where line.hasPrefix("+++ ") || line.hasPrefix("--- ") {
      let word = line.dropFirst(4).split(separator: "\t").first ?? ""
      let path = word.split(separator: " ").first ?? ""
      let parts = path.split(separator: "/")
      guard path != "/dev/null", parts.count > strip else { continue }
      let name = parts.dropFirst(strip).joined(separator: "/")
      if !result.contains(name) { result.append(name) }
    }
    return result
  }
}
