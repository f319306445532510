extension PPC64LE {
  /// Writes machine code: one method for each instruction form that trampolines use, 64 bits wide unless it says
  /// otherwise.
  package struct Encoder: Sendable {
    /// The code so far; instructions are little-endian words.
    package private(set) var bytes: [UInt8] = []

    /// An encoder that has written nothing.
    package init() {}
    /// Makes room for at least `count` bytes.
    package mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }
    /// How many bytes were written.
    package var count: Int { bytes.count }

    // MARK: Instruction formats (Power ISA, book I, 1.6)

    /// A whole instruction.
    package mutating func word(_ value: UInt32) {
      for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// Bytes that are code already.
    package mutating func append(_ code: some Collection<UInt8>) { bytes.append(contentsOf: code) }

    /// D and DS forms: two registers and 16 bits.
    mutating func form(_ opcode: Opcode, _ first: UInt8, _ second: UInt8, _ low: UInt16) {
      word(opcode.rawValue << 26 | UInt32(first) << 21 | UInt32(second) << 16 | UInt32(low))
    }

    /// X, XO and XFX forms: three fields of five bits and an extended opcode.
    mutating func form(
      _ opcode: Extended31, _ first: UInt8, _ second: UInt8, _ third: UInt8, record: Bool = false
    ) {
      word(
        Opcode.extended31.rawValue << 26 | UInt32(first) << 21 | UInt32(second) << 16 | UInt32(third) << 11
          | opcode.rawValue << 1 | (record ? 1 : 0))
    }

    /// XL form: a branch to a register.
    mutating func form(_ opcode: Extended19, options: UInt32, bit: UInt32, link: Bool) {
      word(
        Opcode.extended19.rawValue << 26 | options << 21 | bit << 16 | opcode.rawValue << 1 | (link ? 1 : 0))
    }

    /// MD form: a rotation by `shift`, and a mask that `edge` bounds; both are split, their uppermost bit last.
    mutating func rotate(
      _ destination: Register, _ source: Register, by shift: UInt8, edge: UInt8, keepsHigh: Bool
    ) {
      let (shift, edge) = (UInt32(shift & 63), UInt32(edge & 63))
      var code = Opcode.rotateDouble.rawValue << 26 | UInt32(source.rawValue) << 21
      code |= UInt32(destination.rawValue) << 16 | (shift & 31) << 11 | (shift >> 5) << 1
      code |= (edge & 31) << 6 | (edge >> 5) << 5 | (keepsHigh ? 1 << 2 : 0)
      word(code)
    }
  }
}
