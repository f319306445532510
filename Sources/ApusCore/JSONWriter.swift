/// Writes JSON (RFC 8259), compact, one value after the other, commas and colons by itself.
///
/// Values go where the writer stands: at the top level, in an array, or in an object behind a ``key(_:)``.
/// The caller keeps to JSON's order (a key before each value in an object); the `member` calls do so by
/// themselves. At the top level each value ends in a line feed, so that "one object a line" comes by itself.
/// For long output take the bytes now and then with ``takeBytes()``.
package struct JSONWriter: Sendable {
  /// What has been written and not been taken.
  package private(set) var bytes: [UInt8] = []
  /// The open objects and arrays: whether each has had a first member.
  private var hasMember: [Bool] = []
  /// A key was written and waits for its value.
  private var afterKey = false

  /// Starts with nothing.
  package init() {}

  /// What has been written and not been taken, as text.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Hands over what has been written so far; writing goes on behind it.
  package mutating func takeBytes() -> [UInt8] {
    let taken = bytes
    bytes.removeAll(keepingCapacity: true)
    return taken
  }

  // MARK: Objects and arrays

  /// Opens an object; ``endObject()`` closes it.
  package mutating func beginObject() { open(UInt8(ascii: "{")) }
  /// Closes the innermost object.
  package mutating func endObject() { close(UInt8(ascii: "}")) }
  /// Opens an array; ``endArray()`` closes it.
  package mutating func beginArray() { open(UInt8(ascii: "[")) }
  /// Closes the innermost array.
  package mutating func endArray() { close(UInt8(ascii: "]")) }

  /// Writes an object whose members `body` writes.
  package mutating func object<E: Error>(_ body: (inout JSONWriter) throws(E) -> Void) throws(E) {
    beginObject()
    try body(&self)
    endObject()
  }

  /// Writes an array whose elements `body` writes.
  package mutating func array<E: Error>(_ body: (inout JSONWriter) throws(E) -> Void) throws(E) {
    beginArray()
    try body(&self)
    endArray()
  }

  /// Writes a member's name; its value comes next.
  package mutating func key(_ name: String) {
    separate()
    appendQuoted(name)
    bytes.append(UInt8(ascii: ":"))
    afterKey = true
  }

  // MARK: Values

  /// Writes a string.
  package mutating func value(_ text: String) {
    separate()
    appendQuoted(text)
    finish()
  }

  /// Writes bytes as a string; what is not valid UTF-8 becomes U+FFFD.
  package mutating func value(bytes raw: [UInt8]) { value(String(decoding: raw, as: UTF8.self)) }

  /// Writes an integer, all its digits.
  package mutating func value<T: FixedWidthInteger>(_ number: T) {
    separate()
    if number < 0 { bytes.append(UInt8(ascii: "-")) }
    appendDigits(UInt64(truncatingIfNeeded: number.magnitude))
    finish()
  }

  /// Writes a number in the shortest form that reads back the same; what JSON cannot say (infinite, not a
  /// number) is null.
  package mutating func value(_ number: Double) {
    guard number.isFinite else { return null() }
    separate()
    bytes.append(contentsOf: number.description.utf8)
    finish()
  }

  /// Writes `true` or `false`.
  package mutating func value(_ flag: Bool) {
    separate()
    bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    finish()
  }

  /// Writes `null`.
  package mutating func null() {
    separate()
    bytes.append(contentsOf: "null".utf8)
    finish()
  }

  // MARK: The machinery

  /// A comma, if something stands before in this object or array.
  private mutating func separate() {
    if afterKey {
      afterKey = false
      return
    }
    guard let last = hasMember.indices.last else { return }
    if hasMember[last] { bytes.append(UInt8(ascii: ",")) }
    hasMember[last] = true
  }

  private mutating func finish() {
    if hasMember.isEmpty { bytes.append(UInt8(ascii: "\n")) }
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    hasMember.append(false)
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    _ = hasMember.popLast()
    afterKey = false
    finish()
  }

  private mutating func appendDigits(_ number: UInt64) {
    guard number >= 10 else { return bytes.append(UInt8(ascii: "0") + UInt8(number)) }
    let first = bytes.count
    var rest = number
    while rest > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    }
    bytes[first...].reverse()
  }

  /// A string's text between quotation marks (RFC 8259, section 7).
  private mutating func appendQuoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0x08: appendEscape("b")
      case 0x09: appendEscape("t")
      case 0x0a: appendEscape("n")
      case 0x0c: appendEscape("f")
      case 0x0d: appendEscape("r")
      case 0..<0x20:
        appendEscape("u")
        for digit in [0, 0, byte >> 4, byte & 15] {
          bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func appendEscape(_ letter: Unicode.Scalar) {
    bytes.append(UInt8(ascii: "\\"))
    bytes.append(UInt8(ascii: letter))
  }
}
