extension PPC64LE {
  /// Primary opcodes that we write and recognise: bits 0 to 5, the uppermost, of an instruction (Power ISA, book I, 1.6).
  package enum Opcode: UInt32, Sendable {
    /// The first word of an eight-byte instruction (Power ISA 3.1).
    case prefix = 1
    case trapDoubleImmediate = 2
    case trapWordImmediate = 3
    case vector = 4
    case multiplyImmediate = 7
    case subtractFromImmediate = 8
    case compareLogicalImmediate = 10
    case compareImmediate = 11
    case addImmediateCarrying = 12
    case addImmediateCarryingRecord = 13
    case addImmediate = 14
    case addImmediateShifted = 15
    case branchConditional = 16
    case systemCall = 17
    case branch = 18
    /// Branches to registers and operations on the condition register; see ``Extended19``.
    case extended19 = 19
    case rotateWordInsert = 20
    case rotateWord = 21
    case rotateWordByRegister = 23
    case orImmediate = 24
    case orImmediateShifted = 25
    case exclusiveOrImmediate = 26
    case exclusiveOrImmediateShifted = 27
    case andImmediateRecord = 28
    case andImmediateShiftedRecord = 29
    case rotateDouble = 30
    /// Most of arithmetic, and accesses with an index; see ``Extended31``.
    case extended31 = 31
    case loadWord = 32
    case loadByte = 34
    case storeWord = 36
    case storeByte = 38
    case loadHalf = 40
    case storeHalf = 44
    /// Of the D forms between 32 and 55, the last.
    case storeFloatDoubleUpdate = 55
    case loadQuad = 56
    case loadPair = 57
    /// `ld`, `ldu`, `lwa`: DS form.
    case loadDouble = 58
    case floatSingle = 59
    case vectorScalar = 60
    case storePair = 61
    /// `std`, `stdu`, `stq`: DS form.
    case storeDouble = 62
    case floatDouble = 63
  }

  /// Extended opcodes under primary opcode 31: bits 21 to 30.
  package enum Extended31: UInt32, Sendable {
    case compare = 0
    /// `tw`: traps if a comparison holds; `tw 31,0,0` always.
    case trapWord = 4
    case moveFromCondition = 19
    case and = 28
    case compareLogical = 32
    case subtractFrom = 40
    case loadReservedDouble = 84
    case moveToCondition = 144
    case storeConditionalDouble = 214
    case multiplyLowDouble = 233
    /// `dcbtst`: a hint.
    case prefetchForStore = 246
    case add = 266
    case exclusiveOr = 316
    case moveFromSpecial = 339
    case or = 444
    case moveToSpecial = 467
    case synchronize = 598
    case transactionBegin = 654
  }

  /// Extended opcodes under primary opcode 19: bits 21 to 30; of ``addNextShifted`` bits 26 to 30.
  package enum Extended19: UInt32, Sendable, CaseIterable {
    case moveConditionField = 0
    /// `addpcis` (Power ISA 3.0, DX form).
    case addNextShifted = 2
    case branchToLink = 16
    case conditionNor = 33
    case conditionAndComplement = 129
    case instructionSynchronize = 150
    case conditionExclusiveOr = 193
    case conditionNand = 225
    case conditionAnd = 257
    case conditionEquivalent = 289
    case conditionOrComplement = 417
    case conditionOr = 449
    case branchToCount = 528
    case branchToTarget = 560
  }

  /// Special registers, by number (Power ISA, book III, 4.4; the time base: book II, 6.2).
  package enum SpecialRegister: UInt16, Sendable, CaseIterable {
    case fixedPointException = 1
    case link = 8
    case count = 9
    case timeBase = 268
    case target = 815
  }

  /// What a conditional branch asks of one field of the condition register, with the operands BO and BI (field 0) of its
  /// encoding. After an unsigned comparison "less" means below.
  package enum Condition: UInt8, Sendable, CaseIterable {
    case less, notLess, greater, notGreater, equal, notEqual

    /// BO: branch if the bit is set, or if it is not (Power ISA, book I, 2.4, figure 40).
    package var options: UInt32 { rawValue & 1 == 0 ? 12 : 4 }
    /// BI: the bit of field 0.
    package var bit: UInt32 { UInt32(rawValue >> 1) }
    /// The opposite condition.
    package var inverted: Condition { Condition(rawValue: rawValue ^ 1) ?? self }
  }

  /// Three-operand arithmetic: `destination = left op right`.
  package enum Arithmetic: Sendable, CaseIterable {
    case add
    /// `destination = right − left`: the operands stand in the instruction's own order.
    case subtractFrom
    case multiply
    case and
    case or
    case exclusiveOr
  }

  /// How memory accesses around `sync` are ordered (Power ISA, book II, 4.4.3).
  package enum Barrier: UInt32, Sendable, CaseIterable {
    /// `sync`: everything before it comes before everything after it.
    case heavy = 0
    /// `lwsync`: the same, but for stores before it and loads after it.
    case light = 1
  }
}
