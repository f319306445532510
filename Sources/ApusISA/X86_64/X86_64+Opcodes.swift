extension X86_64 {
  /// The opcodes that we write and recognise; those of the two-byte map have the escape byte 0f above.
  ///
  /// Names follow the Intel manual's, volume 2; operands in the order of the encoding's `reg` and `r/m`
  /// fields.
  package enum Opcode: UInt16, Sendable {
    case moveFromByteRegister = 0x88
    case moveFromRegister = 0x89
    case moveToRegister = 0x8b
    case moveImmediate = 0xc7
    case moveImmediateToRegister = 0xb8
    case moveZeroExtendedByte = 0x0fb6
    case moveZeroExtendedWord = 0x0fb7
    case loadEffectiveAddress = 0x8d
    case groupImmediate8 = 0x83
    case groupImmediate32 = 0x81
    case multiply = 0x0faf
    case multiplyImmediate8 = 0x6b
    case multiplyImmediate32 = 0x69
    case shiftImmediate = 0xc1
    case shiftOne = 0xd1
    case test = 0x85
    case exchange = 0x87
    case compareExchange = 0x0fb1
    case push = 0x50
    case pop = 0x58
    case pushFlags = 0x9c
    case moveFromSegment = 0x8c
    case noOperation = 0x90
    case jumpConditionalShort = 0x70
    case jumpConditionalNear = 0x0f80
    case jumpShort = 0xeb
    case jumpNear = 0xe9
    case call = 0xe8
    /// Digit 2 calls, digit 4 jumps, through `r/m`.
    case indirect = 0xff
    case `return` = 0xc3
    case breakpoint = 0xcc
    case undefined = 0x0f0b
    case readTimestamp = 0x0f31
    /// Digit 1 is `prefetchw`.
    case prefetch = 0x0f0d
  }

  /// Prefix bytes.
  package enum Prefix: UInt8, Sendable {
    case operandSize = 0x66
    case threadSegment = 0x64
    case lock = 0xf0
    case `repeat` = 0xf3
    /// With the bits W, R, X and B below.
    case rex = 0x40
  }

  /// Two-operand arithmetic; the raw value is the digit of the immediate group and bits 3–5 of the plain
  /// opcodes.
  package enum Arithmetic: UInt8, Sendable, CaseIterable {
    case add = 0
    case or = 1
    case and = 4
    case subtract = 5
    case exclusiveOr = 6
    case compare = 7

    /// The opcode of `r/m op= reg`.
    var opcodeToOperand: UInt16 { UInt16(rawValue) << 3 | 1 }
    /// The opcode of `reg op= r/m`.
    var opcodeToRegister: UInt16 { UInt16(rawValue) << 3 | 3 }
    /// The opcode of `rax op= imm32`.
    var opcodeAccumulator: UInt16 { UInt16(rawValue) << 3 | 5 }
  }

  /// Segment registers whose selectors can be read; the raw value is the number in encodings.
  package enum Segment: UInt8, Sendable, CaseIterable {
    case code = 1
    case stack = 2
  }

  /// Shifts; the raw value is the digit of the shift group.
  package enum Shift: UInt8, Sendable, CaseIterable {
    case left = 4
    case right = 5
  }

  /// Condition codes; the raw value is the low four bits of conditional opcodes.
  package enum Condition: UInt8, Sendable, CaseIterable {
    case overflow = 0
    case notOverflow, below, aboveOrEqual, equal, notEqual, belowOrEqual, above
    case sign, notSign, parity, notParity, less, greaterOrEqual, lessOrEqual, greater
  }
}
