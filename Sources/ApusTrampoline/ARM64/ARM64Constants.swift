import ApusISA

extension CodeBlob {
  /// Whether a value takes at most so many `movz`, `movn` and `movk`.
  static func movesFit(_ value: UInt64, _ count: Int) -> Bool { ARM64.moveCount(value) <= count }

  /// Writes so many `movz`, `movn` and `movk` over those that stand there, for the same register.
  static func writeMoves(_ value: UInt64, _ count: Int, _ code: inout [UInt8], _ offset: Int) {
    var encoder = ARM64.Encoder()
    encoder.constant(ARM64.Register(number: UInt32(code[offset])), value, count: count)
    code.replaceSubrange(offset..<offset + ARM64.instructionSize * count, with: encoder.bytes)
  }
}
