extension PPC64LE.Encoder {
  /// `b` with a distance from its own address: a multiple of 4 in ±32 MiB.
  package mutating func jump(_ distance: Int32) { branch(distance, link: false) }

  /// `bl` with a distance from its own address.
  package mutating func call(_ distance: Int32) { branch(distance, link: true) }

  private mutating func branch(_ distance: Int32, link: Bool) {
    word(Opcode.branch.rawValue << 26 | UInt32(bitPattern: distance) & 0x03ff_fffc | (link ? 1 : 0))
  }

  /// `bc` with a condition of field 0 and a distance from its own address: a multiple of 4 in ±32 KiB.
  package mutating func branch(_ condition: PPC64LE.Condition, _ distance: Int16) {
    branch(options: condition.options, bit: condition.bit, distance)
  }

  /// `bc options, bit, distance`.
  package mutating func branch(options: UInt32, bit: UInt32, _ distance: Int16) {
    word(
      Opcode.branchConditional.rawValue << 26 | (options & 31) << 21 | (bit & 31) << 16
        | UInt32(UInt16(bitPattern: distance) & 0xfffc))
  }

  /// `blr`.
  package mutating func `return`() { form(Extended19.branchToLink, options: 20, bit: 0, link: false) }
  /// `bctr`.
  package mutating func jumpThroughCount() {
    form(Extended19.branchToCount, options: 20, bit: 0, link: false)
  }
  /// `bctrl`.
  package mutating func callThroughCount() { form(Extended19.branchToCount, options: 20, bit: 0, link: true) }

  /// `trap` (`tw 31,0,0`).
  package mutating func trap() { form(Extended31.trapWord, 31, 0, 0) }
  /// `nop` (`ori 0,0,0`).
  package mutating func noOperation() { orImmediate(.r0, .r0, 0) }
  /// `yield` (`or 27,27,27`): other threads of the processor may have its resources (Power ISA, book II, 3.2).
  package mutating func yield() { move(.r27, .r27) }

  /// `sync` or `lwsync`.
  package mutating func synchronize(_ barrier: PPC64LE.Barrier) {
    form(Extended31.synchronize, UInt8(truncatingIfNeeded: barrier.rawValue), 0, 0)
  }
  /// `isync`.
  package mutating func instructionSynchronize() {
    form(Extended19.instructionSynchronize, options: 0, bit: 0, link: false)
  }

  /// `mfspr`: `mflr`, `mfctr`, `mftb` and others.
  package mutating func move(_ destination: Register, from special: PPC64LE.SpecialRegister) {
    form(Extended31.moveFromSpecial, destination.rawValue, special.low, special.high)
  }
  /// `mtspr`: `mtlr`, `mtctr` and others.
  package mutating func move(to special: PPC64LE.SpecialRegister, _ source: Register) {
    form(Extended31.moveToSpecial, source.rawValue, special.low, special.high)
  }
  /// `mfocrf destination, 128 >> field`: one field of the condition register, in its place; other bits are undefined.
  package mutating func moveCondition(_ destination: Register, field: UInt8) {
    let mask = Self.mask(field)
    form(Extended31.moveFromCondition, destination.rawValue, mask.0, mask.1)
  }
  /// `mfcr destination`: the whole condition register.
  package mutating func moveCondition(_ destination: Register) {
    form(Extended31.moveFromCondition, destination.rawValue, 0, 0)
  }
  /// `mtocrf 128 >> field, source`: changes that field only.
  package mutating func moveCondition(field: UInt8, _ source: Register) {
    let mask = Self.mask(field)
    form(Extended31.moveToCondition, source.rawValue, mask.0, mask.1)
  }

  /// XFX form: bit 11 (one field), then the mask of eight bits, then a zero; as two fields of five.
  private static func mask(_ field: UInt8) -> (UInt8, UInt8) {
    let bits = 0x200 | UInt16(0x80 >> (field & 7)) << 1
    return (UInt8(truncatingIfNeeded: bits >> 5), UInt8(truncatingIfNeeded: bits & 31))
  }
}

extension PPC64LE.SpecialRegister {
  /// The number is encoded with its halves exchanged (Power ISA, book I, 3.3.17).
  var low: UInt8 { UInt8(truncatingIfNeeded: rawValue & 31) }
  var high: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 5) }
}
