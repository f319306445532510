/// Walks over the tags of an XML document, tolerantly: for the descriptions that servers send, not for XML at large.
///
/// Comments, declarations and processing instructions are passed over. No entity but the five predefined ones is
/// known, so nothing can expand without end.
struct XMLScanner {
  /// What a document consists of.
  enum Piece: Equatable {
    /// `<name attribute="value">`; an empty element (`<name/>`) is followed by its `close`.
    case open(name: String, attributes: [String: String])
    case close(name: String)
    case text(String)
  }

  private let bytes: [UInt8]
  private var at = 0
  private var pendingClose: String?

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next piece; nil at the end.
  mutating func next() throws(RemoteError) -> Piece? {
    if let name = pendingClose {
      pendingClose = nil
      return .close(name: name)
    }
    while at < bytes.count {
      guard bytes[at] == UInt8(ascii: "<") else { return text() }
      if skip("<!--", to: "-->") || skip("<?", to: "?>") || skipDeclaration() { continue }
      return try tag()
    }
    return nil
  }

  private func startsWith(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard bytes.count - at >= count else { return false }
    return bytes[at..<(at + count)].elementsEqual(text.description.utf8)
  }

  /// Passes over what begins and ends so; an end that is missing is the document's.
  private mutating func skip(_ start: StaticString, to end: StaticString) -> Bool {
    guard startsWith(start) else { return false }
    at += start.utf8CodeUnitCount
    while at < bytes.count, !startsWith(end) { at += 1 }
    at = min(at + end.utf8CodeUnitCount, bytes.count)
    return true
  }

  /// `<!DOCTYPE … [ … ]>`
  private mutating func skipDeclaration() -> Bool {
    guard startsWith("<!") else { return false }
    var depth = 0
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      if byte == UInt8(ascii: "[") { depth += 1 }
      if byte == UInt8(ascii: "]") { depth -= 1 }
      if byte == UInt8(ascii: ">"), depth <= 0 { break }
    }
    return true
  }

  private mutating func text() -> Piece {
    let start = at
    while at < bytes.count, bytes[at] != UInt8(ascii: "<") { at += 1 }
    return .text(Self.unescaped(bytes[start..<at]))
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

  private mutating func skipSpaces() {
    while at < bytes.count, Self.isSpace(bytes[at]) { at += 1 }
  }

  private mutating func name() -> String {
    let start = at
    while at < bytes.count, !Self.isSpace(bytes[at]),
      ![UInt8(ascii: "/"), UInt8(ascii: ">"), UInt8(ascii: "="), UInt8(ascii: "<")].contains(bytes[at])
    {
      at += 1
    }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  private func malformed(_ why: String) -> RemoteError {
    .malformed(what: "target description", why: "\(why) at byte \(at)")
  }

  private mutating func tag() throws(RemoteError) -> Piece {
    at += 1
    let isClosing = at < bytes.count && bytes[at] == UInt8(ascii: "/")
    if isClosing { at += 1 }
    let tag = name()
    if tag.isEmpty { throw malformed("a tag without a name") }
    var attributes: [String: String] = [:]
    while true {
      skipSpaces()
      guard at < bytes.count else { throw malformed("a tag without an end") }
      if bytes[at] == UInt8(ascii: ">") {
        at += 1
        return isClosing ? .close(name: tag) : .open(name: tag, attributes: attributes)
      }
      if bytes[at] == UInt8(ascii: "/") {
        at += 1
        guard at < bytes.count, bytes[at] == UInt8(ascii: ">") else { throw malformed("a stray slash") }
        at += 1
        pendingClose = tag
        return .open(name: tag, attributes: attributes)
      }
      let (key, value) = try attribute()
      attributes[key] = value
    }
  }

  private mutating func attribute() throws(RemoteError) -> (String, String) {
    let key = name()
    if key.isEmpty { throw malformed("an attribute without a name") }
    skipSpaces()
    guard at < bytes.count, bytes[at] == UInt8(ascii: "=") else {
      throw malformed("an attribute without a value")
    }
    at += 1
    skipSpaces()
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") || bytes[at] == UInt8(ascii: "'") else {
      throw malformed("a value without quotes")
    }
    let quote = bytes[at]
    at += 1
    let start = at
    while at < bytes.count, bytes[at] != quote { at += 1 }
    guard at < bytes.count else { throw malformed("a value without an end") }
    defer { at += 1 }
    return (key, Self.unescaped(bytes[start..<at]))
  }

  private static let entities: [(name: String, character: UInt8)] = [
    ("&lt;", UInt8(ascii: "<")), ("&gt;", UInt8(ascii: ">")), ("&amp;", UInt8(ascii: "&")),
    ("&quot;", UInt8(ascii: "\"")), ("&apos;", UInt8(ascii: "'")),
  ]

  /// The predefined entities undone; others are left as they stand.
  private static func unescaped(_ text: ArraySlice<UInt8>) -> String {
    guard text.contains(UInt8(ascii: "&")) else { return String(decoding: text, as: UTF8.self) }
    var result: [UInt8] = []
    var rest = text
    while let byte = rest.first {
      if let entity = entities.first(where: { rest.starts(with: $0.name.utf8) }) {
        result.append(entity.character)
        rest = rest.dropFirst(entity.name.utf8.count)
      } else {
        result.append(byte)
        rest = rest.dropFirst()
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
