/// A symbol's name, and what compilers have appended to the source's.
package struct CompilerName: Sendable, Hashable {
  package var name: String

  package init(_ name: String) { self.name = name }

  /// The parts between dots.
  private var parts: [Substring] { name.split(separator: ".", omittingEmptySubsequences: false) }

  /// Without the numbers that compilers give in their own order: those between dots, and in C++ those of lambdas, nameless
  /// classes and local things of one name (Itanium C++ ABI, 5.1.6 and 5.1.8), each replaced by `#`.
  ///
  /// gcc calls a file's static initialiser after whatever the file defines first: that is left out, too.
  package var withoutNumbers: String {
    for prefix in ["_GLOBAL__sub_I_", "_GLOBAL__sub_D_"] where name.hasPrefix(prefix) { return prefix }
    guard name.utf8.contains(UInt8(ascii: ".")) || hasDiscriminators else { return name }
    let parts = parts
    let first = hasDiscriminators ? Self.withoutDiscriminators(parts[0]) : String(parts[0])
    guard parts.count > 1 else { return first }
    return ([first] + parts.dropFirst().map { Self.isNumber($0) ? "#" : String($0) }).joined(separator: ".")
  }

  /// Whether the numbers may be others though the name is one that other files see.
  package var hasUnstableNumbers: Bool { hasDiscriminators || name.contains(".lto_priv.") }

  private static func isNumber(_ part: Substring) -> Bool {
    !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// A mangled name of something inside a function.
  private var hasDiscriminators: Bool {
    name.hasPrefix("_Z") && (name.dropFirst(2).contains("Z") || name.contains("Ul") || name.contains("Ut"))
  }

  /// Replaces `E2_` (of a lambda), `Ut2_`, `_2` and `__12_`.
  private static func withoutDiscriminators(_ name: Substring) -> String {
    let bytes = Array(name.utf8)
    func isDigit(_ index: Int) -> Bool { index < bytes.count && (0x30...0x39).contains(bytes[index]) }
    var result: [UInt8] = []
    var isInLambda = false
    var index = 0
    while index < bytes.count {
      var end = index + 1
      if bytes[index] == UInt8(ascii: "E")
        || bytes[index] == UInt8(ascii: "t") && result.last == UInt8(ascii: "U")
      {
        while isDigit(end) { end += 1 }
        // (`E_0` is not that, but the number of a local thing, unless a lambda's parameters end here.)
        if end < bytes.count, bytes[end] == UInt8(ascii: "_"),
          isInLambda || end > index + 1 || !isDigit(end + 1)
        {
          isInLambda = false
          result += [bytes[index], UInt8(ascii: "#")]
          index = end + 1
          // A discriminator may follow at once.
          continue
        }
      } else if bytes[index] == UInt8(ascii: "_"), index > 1 {
        let isLong = end < bytes.count && bytes[end] == UInt8(ascii: "_")
        if isLong { end += 1 }
        let start = end
        while isDigit(end), isLong || end == start { end += 1 }
        if end > start, !isLong || end < bytes.count && bytes[end] == UInt8(ascii: "_") {
          index = isLong ? end + 1 : end
          continue
        }
      }
      if bytes[index] == UInt8(ascii: "l"), result.last == UInt8(ascii: "U") { isInLambda = true }
      result.append(bytes[index])
      index += 1
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The function that this is the cold part of.
  package var hotPart: String? {
    guard let range = parts.lastIndex(of: "cold"), range > 0 else { return nil }
    return parts[..<range].joined(separator: ".")
  }

  /// Whether this is the body of a coroutine, whose frame is data that exists already.
  package var isCoroutineBody: Bool {
    guard let last = parts.last, parts.count > 1 else { return false }
    return ["actor", "destroy", "resume", "cleanup"].contains(last)
  }
}
