extension ARM64 {
  /// The fixed bits of instructions (Arm ARM, C4.1), 64-bit forms where there are two; fields are zero.
  package enum Opcode: UInt32, Sendable {
    // Data processing, immediate.
    case address = 0x1000_0000
    case addressOfPage = 0x9000_0000
    case addImmediate = 0x9100_0000
    case subtractImmediate = 0xd100_0000
    case subtractImmediateFlags = 0xf100_0000
    case addImmediateFlags = 0xb100_0000
    case moveNot = 0x9280_0000
    case moveZero = 0xd280_0000
    case moveKeep = 0xf280_0000
    case bitfieldMove = 0xd340_0000

    // Data processing, register.
    case addRegister = 0x8b00_0000
    case subtractRegister = 0xcb00_0000
    case subtractRegisterFlags = 0xeb00_0000
    case multiplyAdd = 0x9b00_0000

    // Loads and stores.
    case literal32 = 0x1800_0000
    case literal64 = 0x5800_0000
    case literalSigned32 = 0x9800_0000
    case literalPrefetch = 0xd800_0000
    case literalVector32 = 0x1c00_0000
    case literalVector64 = 0x5c00_0000
    case literalVector128 = 0x9c00_0000
    case storeScaled = 0x3900_0000
    case loadScaled = 0x3940_0000
    case loadSignedWord = 0xb980_0000
    /// `prfm pstl1keep`: bits 0 to 4 are 16.
    case prefetchForStore = 0xf980_0010
    case storeUnscaled = 0x3800_0000
    case loadUnscaled = 0x3840_0000
    case storeIndexed = 0x3820_6800
    case loadIndexed = 0x3860_6800
    case storeBefore = 0xf800_0c00
    case loadAfter = 0xf840_0400
    case storePair = 0xa800_0000
    case loadPair = 0xa840_0000
    case loadAcquire = 0xc8df_fc00
    case storeRelease = 0xc89f_fc00
    case loadExclusive = 0xc85f_7c00
    case loadAcquireExclusive = 0xc85f_fc00
    case storeExclusive = 0xc800_7c00
    case storeReleaseExclusive = 0xc800_fc00

    // Branches, exceptions, system.
    case branch = 0x1400_0000
    case branchLink = 0x9400_0000
    case branchConditional = 0x5400_0000
    case compareZero = 0xb400_0000
    case testBit = 0x3600_0000
    case branchRegister = 0xd61f_0000
    case branchLinkRegister = 0xd63f_0000
    case `return` = 0xd65f_0000
    case breakpoint = 0xd420_0000
    case undefined = 0x0000_0000
    case hint = 0xd503_201f
    case readThreadPointer = 0xd53b_d040
    case readCounter = 0xd53b_e040
    case readFlags = 0xd53b_4200
    /// `dmb ish`.
    case fence = 0xd503_3bbf
  }

  /// Bitwise operations; the raw value is the fixed bits of the form with a shifted register.
  package enum Logical: UInt32, Sendable, CaseIterable {
    case and = 0x8a00_0000
    case or = 0xaa00_0000
    case exclusiveOr = 0xca00_0000

    /// The fixed bits of the form with an immediate.
    var immediate: UInt32 {
      switch self {
      case .and: 0x9200_0000
      case .or: 0xb200_0000
      case .exclusiveOr: 0xd200_0000
      }
    }
  }

  /// Instructions in the space of hints (Arm ARM, C6.2, HINT); the raw value is the number in bits 5 to 11.
  package enum Hint: UInt8, Sendable, CaseIterable {
    case noOperation = 0
    case yield = 1
    case stripLink = 7
    case signLinkA = 25
    case signLinkB = 27
    case authenticateLinkA = 29
    case authenticateLinkB = 31
    case target = 32
    case targetCall = 34
    case targetJump = 36
    case targetCallJump = 38
  }

  /// Condition codes; the raw value is the `cond` field (Arm ARM, C1.2.4).
  package enum Condition: UInt8, Sendable, CaseIterable {
    case equal = 0
    case notEqual, aboveOrEqual, below, negative, notNegative, overflow, notOverflow, above, belowOrEqual
    case greaterOrEqual, less, greater, lessOrEqual, always, alwaysToo

    /// The opposite; the last two have none, and mean the same.
    package var inverted: Condition? { rawValue >= 14 ? nil : Condition(rawValue: rawValue ^ 1) }
  }
}
