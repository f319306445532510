/// Why bytes could not be read: what was wanted, where, and what stood in the way.
///
/// A reader never traps: whatever it is given, it returns a value or throws one of these.
package struct ByteError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was wrong.
  package enum Reason: Sendable, Hashable {
    /// `needed` bytes were wanted where only `available` are left.
    case pastEnd(needed: UInt64, available: UInt64)
    /// A string without its terminating zero.
    case unterminatedString
    /// A LEB128 number that does not fit 64 bits.
    case oversizedLEB128
    /// The storage under the bytes failed (a file that shrank, say); the text says how.
    case storage(String)
  }

  /// What was wrong.
  package var reason: Reason
  /// Where reading began, counted from the start of the whole storage (not of a sub-range).
  package var offset: UInt64

  /// Describes a failure at `offset`.
  package init(_ reason: Reason, at offset: UInt64) {
    self.reason = reason
    self.offset = offset
  }

  package var description: String {
    let place = "at offset \(hexadecimal(offset))"
    switch reason {
    case .pastEnd(let needed, let available):
      return "\(needed) bytes are needed \(place), but \(available) are left"
    case .unterminatedString: return "the string \(place) has no end"
    case .oversizedLEB128: return "the LEB128 number \(place) does not fit 64 bits"
    case .storage(let text): return "\(text) (\(place))"
    }
  }
}
