extension RelocationRule {
  /// Which bits are changed, of a little-endian word of so many bytes.
  enum Field: Hashable {
    /// None.
    case none
    /// `count` bits from bit `at` on.
    case bits(Int, at: Int, of: Int)
    /// The number's lowest bits in the first piece, those above in the next, and so on.
    case pieces([Piece], of: Int)
    /// The number, or its complement if it is below zero; and bits that say to the processor which it is.
    case signed(Piece, operation: Piece, positive: UInt64, negative: UInt64, of: Int)

    /// How many bytes it takes.
    var bytes: Int {
      switch self {
      case .none: 0
      case .bits(_, _, let bytes), .pieces(_, let bytes), .signed(_, _, _, _, let bytes): bytes
      }
    }
  }
  /// `count` bits from bit `at` on.
  struct Piece: Hashable {
    var count: Int
    var at: Int
  }
}

extension RelocationRule.Field {
  /// Puts a number into the field that begins at `offset`; what does not fit is cut off.
  func put(_ value: Int64, _ output: inout [UInt8], at offset: Int) {
    let bits = UInt64(bitPattern: value)
    switch self {
    case .none: break
    case .bits(let count, let at, let bytes):
      Self.put(bits, .init(count: count, at: at), of: bytes, &output, offset)
    case .pieces(let pieces, let bytes):
      var rest = bits
      for piece in pieces {
        Self.put(rest, piece, of: bytes, &output, offset)
        rest >>= UInt64(piece.count)
      }
    case .signed(let piece, let operation, let positive, let negative, let bytes):
      Self.put(value < 0 ? ~bits : bits, piece, of: bytes, &output, offset)
      Self.put(value < 0 ? negative : positive, operation, of: bytes, &output, offset)
    }
  }

  private static func put(
    _ value: UInt64, _ piece: RelocationRule.Piece, of bytes: Int, _ output: inout [UInt8], _ offset: Int
  ) {
    var word: UInt64 = 0
    for index in (0..<bytes).reversed() { word = word << 8 | UInt64(output[offset + index]) }
    let mask: UInt64 = (piece.count == 64 ? ~0 : (1 << UInt64(piece.count)) - 1) << UInt64(piece.at)
    word = word & ~mask | value << UInt64(piece.at) & mask
    for index in 0..<bytes { output[offset + index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index)) }
  }
}
