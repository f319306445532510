extension PPC64LE.Encoder {
  package typealias Register = PPC64LE.Register
  package typealias Memory = PPC64LE.Memory
  typealias Opcode = PPC64LE.Opcode
  typealias Extended31 = PPC64LE.Extended31
  typealias Extended19 = PPC64LE.Extended19

  // MARK: Immediates

  /// `addi destination, source, value`; a source of r0 stands for zero.
  package mutating func addImmediate(_ destination: Register, _ source: Register, _ value: Int16) {
    form(.addImmediate, destination.rawValue, source.rawValue, UInt16(bitPattern: value))
  }
  /// `addis destination, source, value`: adds `value << 16`; a source of r0 stands for zero.
  package mutating func addImmediateShifted(_ destination: Register, _ source: Register, _ value: Int16) {
    form(.addImmediateShifted, destination.rawValue, source.rawValue, UInt16(bitPattern: value))
  }
  /// `mulli destination, source, value`.
  package mutating func multiplyImmediate(_ destination: Register, _ source: Register, _ value: Int16) {
    form(.multiplyImmediate, destination.rawValue, source.rawValue, UInt16(bitPattern: value))
  }
  /// `ori destination, source, value`: the value is zero-extended.
  package mutating func orImmediate(_ destination: Register, _ source: Register, _ value: UInt16) {
    form(.orImmediate, source.rawValue, destination.rawValue, value)
  }
  /// `oris destination, source, value`: the value is zero-extended and shifted left by 16.
  package mutating func orImmediateShifted(_ destination: Register, _ source: Register, _ value: UInt16) {
    form(.orImmediateShifted, source.rawValue, destination.rawValue, value)
  }
  /// `xori destination, source, value`.
  package mutating func exclusiveOrImmediate(_ destination: Register, _ source: Register, _ value: UInt16) {
    form(.exclusiveOrImmediate, source.rawValue, destination.rawValue, value)
  }
  /// `xoris destination, source, value`.
  package mutating func exclusiveOrImmediateShifted(
    _ destination: Register, _ source: Register, _ value: UInt16
  ) {
    form(.exclusiveOrImmediateShifted, source.rawValue, destination.rawValue, value)
  }

  /// The shortest way to a constant, 1 to 5 instructions: the upper half, shifted into its place, then the lower half.
  ///
  /// - Parameter isWhole: writes instructions for all parts, also for those that are zero: two for a value that 32 bits
  ///   hold with their sign, five for any other.
  package mutating func constant(_ destination: Register, _ value: UInt64, isWhole: Bool = false) {
    let signed = Int64(bitPattern: value)
    if !isWhole, let short = Int16(exactly: signed) { return addImmediate(destination, .r0, short) }
    if let short = Int32(exactly: signed) {
      addImmediateShifted(destination, .r0, Int16(truncatingIfNeeded: short >> 16))
      let low = UInt16(truncatingIfNeeded: short)
      if low != 0 || isWhole { orImmediate(destination, destination, low) }
      return
    }
    let high = UInt64(bitPattern: signed >> 32)
    constant(destination, high, isWhole: isWhole)
    if high != 0 || isWhole { shiftLeft(destination, destination, 32) }
    let (middle, low) = (UInt16(truncatingIfNeeded: value >> 16), UInt16(truncatingIfNeeded: value))
    if middle != 0 || isWhole { orImmediateShifted(destination, destination, middle) }
    if low != 0 || isWhole { orImmediate(destination, destination, low) }
  }

  // MARK: Registers

  /// `mr destination, source`.
  package mutating func move(_ destination: Register, _ source: Register) {
    arithmetic(.or, destination, source, source)
  }

  /// `destination = left op right`; see ``PPC64LE/Arithmetic``.
  package mutating func arithmetic(
    _ kind: PPC64LE.Arithmetic, _ destination: Register, _ left: Register, _ right: Register
  ) {
    let (d, l, r) = (destination.rawValue, left.rawValue, right.rawValue)
    switch kind {
    case .add: form(Extended31.add, d, l, r)
    case .subtractFrom: form(Extended31.subtractFrom, d, l, r)
    case .multiply: form(Extended31.multiplyLowDouble, d, l, r)
    // X form: the source stands first.
    case .and: form(Extended31.and, l, d, r)
    case .or: form(Extended31.or, l, d, r)
    case .exclusiveOr: form(Extended31.exclusiveOr, l, d, r)
    }
  }

  /// `sldi destination, source, count` (`rldicr`).
  package mutating func shiftLeft(_ destination: Register, _ source: Register, _ count: UInt8) {
    rotate(destination, source, by: count, edge: 63 &- count, keepsHigh: true)
  }
  /// `srdi destination, source, count` (`rldicl`).
  package mutating func shiftRight(_ destination: Register, _ source: Register, _ count: UInt8) {
    rotate(destination, source, by: 64 &- count, edge: count, keepsHigh: false)
  }
  /// `rldicl destination, source, 0, first`: keeps the bits from number `first` on, the highest being number 0.
  package mutating func keepLow(_ destination: Register, _ source: Register, from first: UInt8) {
    rotate(destination, source, by: 0, edge: first, keepsHigh: false)
  }
  /// `rldicr destination, source, 0, last`: keeps the bits up to number `last`.
  package mutating func keepHigh(_ destination: Register, _ source: Register, through last: UInt8) {
    rotate(destination, source, by: 0, edge: last, keepsHigh: true)
  }
  /// `rlwinm destination, source, 0, first, last`: keeps these bits of the lower half, whose highest is number 0; the upper
  /// half becomes zero if `first` is not above `last`.
  package mutating func keepWord(
    _ destination: Register, _ source: Register, from first: UInt8, through last: UInt8
  ) {
    var code = Opcode.rotateWord.rawValue << 26 | UInt32(source.rawValue) << 21
    code |= UInt32(destination.rawValue) << 16 | UInt32(first & 31) << 6 | UInt32(last & 31) << 1
    word(code)
  }

  // MARK: Comparisons, into field 0 of the condition register

  /// `cmpld left, right`: unsigned.
  package mutating func compareLogical(_ left: Register, _ right: Register) {
    form(Extended31.compareLogical, 1, left.rawValue, right.rawValue)
  }
  /// `cmpldi left, value`: unsigned, the value zero-extended.
  package mutating func compareLogical(_ left: Register, _ value: UInt16) {
    form(.compareLogicalImmediate, 1, left.rawValue, value)
  }
  /// `cmpdi left, value`: signed.
  package mutating func compare(_ left: Register, _ value: Int16) {
    form(.compareImmediate, 1, left.rawValue, UInt16(bitPattern: value))
  }

  // MARK: Memory

  /// Loads `width` bytes, zero-extended to 64 bits.
  package mutating func load(_ destination: Register, _ memory: Memory, _ width: PPC64LE.Width) {
    let opcode: Opcode =
      switch width {
      case .one: .loadByte
      case .two: .loadHalf
      case .four: .loadWord
      case .eight: .loadDouble
      }
    form(opcode, destination.rawValue, memory.base.rawValue, displacement(memory, width))
  }

  /// Stores the low `width` bytes.
  package mutating func store(_ memory: Memory, _ source: Register, _ width: PPC64LE.Width) {
    let opcode: Opcode =
      switch width {
      case .one: .storeByte
      case .two: .storeHalf
      case .four: .storeWord
      case .eight: .storeDouble
      }
    form(opcode, source.rawValue, memory.base.rawValue, displacement(memory, width))
  }

  /// `stdu source, memory`: stores, and the base becomes the address; the base cannot be r0.
  package mutating func storeUpdating(_ memory: Memory, _ source: Register) {
    form(.storeDouble, source.rawValue, memory.base.rawValue, displacement(memory, .eight) | 1)
  }

  /// In the DS form the two low bits belong to the opcode.
  private func displacement(_ memory: Memory, _ width: PPC64LE.Width) -> UInt16 {
    UInt16(bitPattern: memory.displacement) & (width == .eight ? 0xfffc : 0xffff)
  }

  /// `dcbtst base, index`: a hint that there will be a store to the sum (Power ISA, book II, 4.3.2); a base of r0 stands for
  /// zero.
  package mutating func prefetchForStore(_ base: Register, _ index: Register) {
    form(Extended31.prefetchForStore, 0, base.rawValue, index.rawValue)
  }

  /// `ldarx destination, 0, address`: loads 8 aligned bytes and reserves them.
  package mutating func loadReserved(_ destination: Register, at address: Register) {
    form(Extended31.loadReservedDouble, destination.rawValue, 0, address.rawValue)
  }
  /// `stdcx. source, 0, address`: stores if the reservation still holds; "equal" says whether it did.
  package mutating func storeConditional(_ source: Register, at address: Register) {
    form(Extended31.storeConditionalDouble, source.rawValue, 0, address.rawValue, record: true)
  }
}
