/// A set of byte values: what one place of a ``Glob`` accepts.
struct ByteSet {
  private var low: UInt128 = 0
  private var high: UInt128 = 0

  /// Every byte.
  static let all = ByteSet(low: ~0, high: ~0)

  private init(low: UInt128, high: UInt128) {
    self.low = low
    self.high = high
  }

  /// Just `byte`.
  init(_ byte: UInt8) { insert(byte) }

  func contains(_ byte: UInt8) -> Bool {
    (byte < 128 ? low : high) >> UInt128(byte & 127) & 1 == 1
  }

  private mutating func insert(_ byte: UInt8) {
    let bit: UInt128 = 1 << UInt128(byte & 127)
    if byte < 128 { low |= bit } else { high |= bit }
  }

  /// Parses a set whose `[` stands just before index `start`: the set and the index behind its `]`, or nil if
  /// it is never closed.
  static func parse(_ bytes: [UInt8], after start: Int) -> (ByteSet, Int)? {
    var set = ByteSet(low: 0, high: 0)
    var at = start
    let negated = at < bytes.count && (bytes[at] == UInt8(ascii: "!") || bytes[at] == UInt8(ascii: "^"))
    if negated { at += 1 }
    let first = at
    while at < bytes.count {
      if bytes[at] == UInt8(ascii: "]"), at > first {
        return (negated ? ByteSet(low: ~set.low, high: ~set.high) : set, at + 1)
      }
      let from = bytes[at]
      if at + 2 < bytes.count, bytes[at + 1] == UInt8(ascii: "-"), bytes[at + 2] != UInt8(ascii: "]") {
        // An inverted range is empty.
        if from <= bytes[at + 2] { for byte in from...bytes[at + 2] { set.insert(byte) } }
        at += 3
      } else {
        set.insert(from)
        at += 1
      }
    }
    return nil
  }
}
