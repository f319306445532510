extension ARM64.Encoder {
  // MARK: Branches. Distances are in bytes, from the instruction itself.

  /// `b distance`.
  package mutating func jump(_ distance: Int) {
    word(Opcode.branch.rawValue | Self.field(distance, width: 26, at: 0))
  }

  /// `bl distance`.
  package mutating func call(_ distance: Int) {
    word(Opcode.branchLink.rawValue | Self.field(distance, width: 26, at: 0))
  }

  /// `b.condition distance`.
  package mutating func branch(_ condition: ARM64.Condition, _ distance: Int) {
    word(
      Opcode.branchConditional.rawValue | Self.field(distance, width: 19, at: 5) | UInt32(condition.rawValue))
  }

  /// `cbz source, distance`, or `cbnz`; of 32 bits if not `wide`.
  package mutating func compareZero(
    _ source: Register, isNotZero: Bool, wide: Bool = true, _ distance: Int
  ) {
    let opcode = Opcode.compareZero.rawValue & (wide ? ~0 : ~(1 << 31)) | (isNotZero ? 1 << 24 : 0)
    word(opcode | Self.field(distance, width: 19, at: 5) | source.number)
  }

  /// `tbz source, #bit, distance`, or `tbnz`.
  package mutating func testBit(_ source: Register, _ bit: UInt8, isSet: Bool, _ distance: Int) {
    let place = UInt32(bit & 31) << 19 | UInt32(bit >> 5 & 1) << 31
    word(
      Opcode.testBit.rawValue | place | (isSet ? 1 << 24 : 0) | Self.field(distance, width: 14, at: 5)
        | source.number)
  }

  /// `br target`.
  package mutating func jump(through target: Register) { form(.branchRegister, .x0, target) }

  /// `blr target`.
  package mutating func call(through target: Register) { form(.branchLinkRegister, .x0, target) }

  /// `ret target`.
  package mutating func `return`(_ target: Register = .link) { form(.return, .x0, target) }

  // MARK: Places

  /// `adr destination, distance`: ±1 MiB, to the byte.
  package mutating func address(_ destination: Register, _ distance: Int) {
    let value = UInt32(truncatingIfNeeded: distance)
    form(.address, destination, .x0, .x0, (value & 3) << 29 | (value >> 2 & 0x7ffff) << 5)
  }

  /// `adrp destination, pages`: so many 4 KiB pages from the page of the instruction.
  package mutating func addressOfPage(_ destination: Register, _ pages: Int) {
    let value = UInt32(truncatingIfNeeded: pages)
    form(.addressOfPage, destination, .x0, .x0, (value & 3) << 29 | (value >> 2 & 0x7ffff) << 5)
  }

  /// `ldr destination, distance` and its kin: the literal forms. `number` is the register's number, a vector register's too.
  package mutating func loadLiteral(_ literal: ARM64.Literal, _ number: UInt8, _ distance: Int) {
    word(literal.opcode.rawValue | Self.field(distance, width: 19, at: 5) | UInt32(number & 31))
  }

  // MARK: The rest

  /// A hint.
  package mutating func hint(_ hint: ARM64.Hint) { word(Opcode.hint.rawValue | UInt32(hint.rawValue) << 5) }

  /// `brk #value`.
  package mutating func breakpoint(_ value: UInt16 = 0) {
    word(Opcode.breakpoint.rawValue | UInt32(value) << 5)
  }

  /// `udf #value`.
  package mutating func undefined(_ value: UInt16 = 0) { word(UInt32(value)) }

  /// `dmb ish`: a full fence among the processors that share memory.
  package mutating func fence() { word(Opcode.fence.rawValue) }

  /// `mrs destination, tpidr_el0`.
  package mutating func readThreadPointer(_ destination: Register) { form(.readThreadPointer, destination) }

  /// `mrs destination, cntvct_el0`.
  package mutating func readCounter(_ destination: Register) { form(.readCounter, destination) }
  /// `mrs destination, nzcv`: the condition flags, in bits 28 to 31.
  package mutating func readFlags(_ destination: Register) { form(.readFlags, destination) }
}

extension ARM64 {
  /// What a load of a literal loads.
  package enum Literal: Sendable, Hashable, CaseIterable {
    case word, doubleword, signedWord, prefetch, vector4, vector8, vector16

    var opcode: Opcode {
      switch self {
      case .word: .literal32
      case .doubleword: .literal64
      case .signedWord: .literalSigned32
      case .prefetch: .literalPrefetch
      case .vector4: .literalVector32
      case .vector8: .literalVector64
      case .vector16: .literalVector128
      }
    }
  }
}
