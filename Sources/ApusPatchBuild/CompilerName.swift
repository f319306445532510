/// A symbol's name, and what compilers have appended to the source's.
package struct CompilerName: Sendable, Hashable {
  package var name: String

  package init(_ name: String) { self.name = name }

  /// The parts between dots.
  private var parts: [Substring] { name.split(separator: ".", omittingEmptySubsequences: false) }

  /// Numbers between dots, which compilers give in their own order, replaced by `#`.
  package var withoutNumbers: String {
    guard name.utf8.contains(UInt8(ascii: ".")) else { return name }
    let parts = parts
    guard parts.count > 1 else { return name }
    return parts.enumerated().map { index, part in
      index > 0 && !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? "#" : String(part)
    }.joined(separator: ".")
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
