extension ARM64.Encoder {
  package typealias Register = ARM64.Register
  package typealias Width = ARM64.Width
  typealias Opcode = ARM64.Opcode

  // MARK: Moves

  /// `mov destination, source`; either may be the stack pointer, neither the zero register, if the other is.
  package mutating func move(_ destination: Register, _ source: Register) {
    if destination == .sp || source == .sp { return add(destination, source, 0) }
    logical(.or, destination, .zero, source)
  }

  /// `movz`: `value` in the 16 bits from bit 16 × `part`, zeros elsewhere.
  package mutating func moveZero(_ destination: Register, _ value: UInt16, part: Int = 0) {
    wide(.moveZero, destination, value, part)
  }
  /// `movn`: the same, inverted.
  package mutating func moveNot(_ destination: Register, _ value: UInt16, part: Int = 0) {
    wide(.moveNot, destination, value, part)
  }
  /// `movk`: the other bits stay.
  package mutating func moveKeep(_ destination: Register, _ value: UInt16, part: Int = 0) {
    wide(.moveKeep, destination, value, part)
  }
  private mutating func wide(_ opcode: Opcode, _ destination: Register, _ value: UInt16, _ part: Int) {
    form(opcode, destination, .x0, .x0, UInt32(part & 3) << 21 | UInt32(value) << 5)
  }

  // MARK: Arithmetic

  /// `add destination, source, #value`, with the value shifted left by 12 if `high`; 31 is the stack pointer.
  package mutating func add(_ destination: Register, _ source: Register, _ value: UInt16, high: Bool = false)
  {
    form(.addImmediate, destination, source, .x0, Self.immediate12(value, high))
  }
  /// `sub destination, source, #value`.
  package mutating func subtract(
    _ destination: Register, _ source: Register, _ value: UInt16, high: Bool = false
  ) {
    form(.subtractImmediate, destination, source, .x0, Self.immediate12(value, high))
  }
  /// `cmp source, #value`.
  package mutating func compare(_ source: Register, _ value: UInt16, high: Bool = false) {
    form(.subtractImmediateFlags, .zero, source, .x0, Self.immediate12(value, high))
  }
  /// `cmn source, #value`: compares with −value.
  package mutating func compareNegative(_ source: Register, _ value: UInt16, high: Bool = false) {
    form(.addImmediateFlags, .zero, source, .x0, Self.immediate12(value, high))
  }
  private static func immediate12(_ value: UInt16, _ high: Bool) -> UInt32 {
    (high ? 1 << 22 : 0) | UInt32(value & 0xfff) << 10
  }

  /// `add destination, left, right, lsl #shift`.
  package mutating func add(_ destination: Register, _ left: Register, _ right: Register, shift: UInt8 = 0) {
    form(.addRegister, destination, left, right, UInt32(shift & 63) << 10)
  }
  /// `sub destination, left, right, lsl #shift`.
  package mutating func subtract(
    _ destination: Register, _ left: Register, _ right: Register, shift: UInt8 = 0
  ) {
    form(.subtractRegister, destination, left, right, UInt32(shift & 63) << 10)
  }
  /// `cmp left, right`.
  package mutating func compare(_ left: Register, _ right: Register) {
    form(.subtractRegisterFlags, .zero, left, right)
  }
  /// `mul destination, left, right`.
  package mutating func multiply(_ destination: Register, _ left: Register, _ right: Register) {
    form(.multiplyAdd, destination, left, right, Register.zero.number << 10)
  }

  /// `and`, `orr`, `eor` of two registers.
  package mutating func logical(
    _ kind: ARM64.Logical, _ destination: Register, _ left: Register, _ right: Register
  ) {
    form(kind.rawValue, destination, left, right)
  }
  /// `and`, `orr`, `eor` with a bit mask; 31 as the destination is the stack pointer.
  package mutating func logical(
    _ kind: ARM64.Logical, _ destination: Register, _ left: Register, _ mask: ARM64.BitMask
  ) {
    form(kind.immediate, destination, left, .x0, mask.field)
  }

  /// `lsl destination, source, #count` (Arm ARM, C6.2, UBFM's alias).
  package mutating func shiftLeft(_ destination: Register, _ source: Register, _ count: UInt8) {
    let count = UInt32(count & 63)
    form(.bitfieldMove, destination, source, .x0, (64 - count & 63) << 16 | (63 - count) << 10)
  }
  /// `lsr destination, source, #count`.
  package mutating func shiftRight(_ destination: Register, _ source: Register, _ count: UInt8) {
    form(.bitfieldMove, destination, source, .x0, UInt32(count & 63) << 16 | 63 << 10)
  }

  // MARK: Memory. 31 as a base is the stack pointer.

  /// `ldr destination, [base, #offset]`, zero-extended; the offset is a multiple of the width, up to 4095 times it.
  package mutating func load(_ destination: Register, _ base: Register, _ offset: UInt32, _ width: Width) {
    form(.loadScaled, destination, base, .x0, Self.scaled(offset, width))
  }
  /// `str source, [base, #offset]`.
  package mutating func store(_ source: Register, _ base: Register, _ offset: UInt32, _ width: Width) {
    form(.storeScaled, source, base, .x0, Self.scaled(offset, width))
  }
  private static func scaled(_ offset: UInt32, _ width: Width) -> UInt32 {
    width.shift << 30 | (offset >> width.shift & 0xfff) << 10
  }

  /// `ldur destination, [base, #offset]`, −256 to 255.
  package mutating func load(
    _ destination: Register, _ base: Register, unscaled offset: Int32, _ width: Width
  ) {
    form(.loadUnscaled, destination, base, .x0, Self.unscaled(offset, width))
  }
  /// `stur source, [base, #offset]`.
  package mutating func store(_ source: Register, _ base: Register, unscaled offset: Int32, _ width: Width) {
    form(.storeUnscaled, source, base, .x0, Self.unscaled(offset, width))
  }
  private static func unscaled(_ offset: Int32, _ width: Width) -> UInt32 {
    width.shift << 30 | (UInt32(bitPattern: offset) & 0x1ff) << 12
  }

  /// `ldr destination, [base, index]`.
  package mutating func load(_ destination: Register, _ base: Register, index: Register, _ width: Width) {
    form(.loadIndexed, destination, base, index, width.shift << 30)
  }
  /// `str source, [base, index]`.
  package mutating func store(_ source: Register, _ base: Register, index: Register, _ width: Width) {
    form(.storeIndexed, source, base, index, width.shift << 30)
  }

  /// `prfm pstl1keep, [base, #offset]`; the offset is a multiple of 8 up to 32760.
  package mutating func prefetchForStore(_ base: Register, _ offset: UInt32) {
    form(.prefetchForStore, .x0, base, .x0, (offset >> 3 & 0xfff) << 10)
  }

  /// `ldrsw destination, [base]`.
  package mutating func loadSignedWord(_ destination: Register, _ base: Register) {
    form(.loadSignedWord, destination, base)
  }

  /// `str source, [base, #offset]!`, −256 to 255.
  package mutating func storeBefore(_ source: Register, _ base: Register, _ offset: Int32) {
    form(.storeBefore, source, base, .x0, (UInt32(bitPattern: offset) & 0x1ff) << 12)
  }
  /// `ldr destination, [base], #offset`, −256 to 255.
  package mutating func loadAfter(_ destination: Register, _ base: Register, _ offset: Int32) {
    form(.loadAfter, destination, base, .x0, (UInt32(bitPattern: offset) & 0x1ff) << 12)
  }

  /// `stp first, second, …`; the offset is a multiple of 8 from −512 to 504.
  package mutating func storePair(
    _ first: Register, _ second: Register, _ base: Register, _ offset: Int32, _ indexing: ARM64.Indexing
  ) {
    form(.storePair, first, base, .x0, Self.pair(second, offset, indexing))
  }
  /// `ldp first, second, …`.
  package mutating func loadPair(
    _ first: Register, _ second: Register, _ base: Register, _ offset: Int32, _ indexing: ARM64.Indexing
  ) {
    form(.loadPair, first, base, .x0, Self.pair(second, offset, indexing))
  }
  private static func pair(_ second: Register, _ offset: Int32, _ indexing: ARM64.Indexing) -> UInt32 {
    let mode: UInt32 =
      switch indexing {
      case .after: 1
      case .offset: 2
      case .before: 3
      }
    return mode << 23 | (UInt32(bitPattern: offset >> 3) & 0x7f) << 15 | second.number << 10
  }

  // MARK: Ordered and exclusive accesses; the address is a multiple of 8.

  /// `ldar destination, [base]`.
  package mutating func loadAcquire(_ destination: Register, _ base: Register) {
    form(.loadAcquire, destination, base)
  }
  /// `stlr source, [base]`.
  package mutating func storeRelease(_ source: Register, _ base: Register) {
    form(.storeRelease, source, base)
  }
  /// `ldxr destination, [base]`, or `ldaxr`.
  package mutating func loadExclusive(_ destination: Register, _ base: Register, acquire: Bool) {
    form(acquire ? .loadAcquireExclusive : .loadExclusive, destination, base)
  }
  /// `stxr status, source, [base]`, or `stlxr`: the status, 32 bits, is 0 if the store was done. It is neither of the others.
  package mutating func storeExclusive(
    _ status: Register, _ source: Register, _ base: Register, release: Bool
  ) {
    form(release ? .storeReleaseExclusive : .storeExclusive, source, base, status)
  }
}
