import ApusCore

/// A string table (gABI, "String Table"): zero-terminated strings, found by their offsets.
///
/// A hostile file can point a million symbols at one long string; so all the strings that are taken from a
/// table together are limited to a multiple of the file's size, which no real file comes near.
struct StringTable: Sendable {
  private var bytes: [UInt8]
  private var fileOffset: UInt64
  private var subject: String

  /// How many more bytes of strings may be taken.
  private var budget: UInt64

  /// `fileOffset` and `subject` go into errors; `fileSize` sets the limit.
  init(_ bytes: [UInt8], fileOffset: UInt64, subject: String, fileSize: UInt64) {
    self.bytes = bytes
    budget = fileSize.multipliedReportingOverflow(by: 16).overflow ? .max : fileSize * 16
    self.fileOffset = fileOffset
    self.subject = subject
  }

  /// The string at `offset`; invalid UTF-8 becomes replacement characters.
  mutating func string(at offset: UInt32) throws(ELFError) -> String {
    let range = try range(at: offset)
    return String(decoding: bytes[range], as: UTF8.self)
  }

  /// A function's name: as ``string(at:)``, without the version that the linker has appended (`@VERS_1`).
  mutating func symbolName(at offset: UInt32) throws(ELFError) -> String {
    var range = try range(at: offset)
    if let sign = bytes[range].firstIndex(of: UInt8(ascii: "@")), sign > range.lowerBound {
      range = range.lowerBound..<sign
    }
    return String(decoding: bytes[range], as: UTF8.self)
  }

  /// Which of `names` the string at `offset` is, a version apart; nil if none, or if it is not in the table.
  func index(of offset: UInt32, in names: [[UInt8]]) -> Int? {
    guard Int(offset) < bytes.count else { return nil }
    return names.firstIndex { name in
      let end = Int(offset) + name.count
      guard bytes[Int(offset)] == name.first, end < bytes.count else { return false }
      return (bytes[end] == 0 || bytes[end] == UInt8(ascii: "@"))
        && bytes[Int(offset)..<end].elementsEqual(name)
    }
  }

  private mutating func range(at offset: UInt32) throws(ELFError) -> Range<Int> {
    let start = Int(offset)
    guard start < bytes.count else {
      // Offset 0 of an empty table is the empty string.
      if start == 0 { return 0..<0 }
      let error = ByteError(.pastEnd(needed: 1, available: 0), at: fileOffset &+ UInt64(offset))
      throw ELFError(.bytes(error), in: subject)
    }
    var end = start
    while end < bytes.count, bytes[end] != 0 { end += 1 }
    guard end < bytes.count else {
      throw ELFError(.bytes(ByteError(.unterminatedString, at: fileOffset &+ UInt64(offset))), in: subject)
    }
    guard UInt64(end - start) <= budget else {
      throw ELFError(.malformed("the names together are many times larger than the file"), in: subject)
    }
    budget -= UInt64(end - start)
    return start..<end
  }
}
