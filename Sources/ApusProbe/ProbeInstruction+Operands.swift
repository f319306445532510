/// A set of probe registers.
package struct ProbeRegisterSet: OptionSet, Sendable, Hashable {
  package var rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }
  /// The set of one register.
  package init(_ register: ProbeRegister) { rawValue = 1 << register.rawValue }

  /// What stubs save if they call a routine: v0 to v3.
  package static let routine = ProbeRegisterSet(rawValue: 0x0f)
  /// All eight.
  package static let all = ProbeRegisterSet(rawValue: 0xff)

  /// Whether a register is in the set.
  package func contains(_ register: ProbeRegister) -> Bool { rawValue & (1 << register.rawValue) != 0 }
}

extension ProbeOperand {
  /// The registers whose values the operand needs.
  package var reads: ProbeRegisterSet {
    switch self {
    case .register(let register): ProbeRegisterSet(register)
    case .immediate: []
    case .memory(let address): ProbeRegisterSet(address.base)
    }
  }
}

extension ProbeInstruction {
  /// What an instruction does with registers.
  package struct Effect: Sendable, Hashable {
    /// Registers whose values it needs.
    package var reads: ProbeRegisterSet = []
    /// Registers that have a specified value afterwards.
    package var writes: ProbeRegisterSet = []
    /// Registers that have an unspecified value afterwards; of a compare and exchange, only if it failed.
    package var spoils: ProbeRegisterSet = []
  }

  /// What the instruction does with registers. A call's parameters are unknown: it reads none here.
  package var effect: Effect {
    typealias Set = ProbeRegisterSet
    switch self {
    case .label, .restartable, .committed, .jump, .fence, .pause, .trap, .returnFromRoutine, .jumpBody,
      .leave:
      return Effect()
    case .constant(let d, _), .threadPointer(let d), .frameAddress(let d), .loadReturnAddress(let d),
      .argument(let d, _), .registerFile(let d), .siteOps(let d):
      return Effect(writes: Set(d))
    case .move(let d, let s):
      return Effect(reads: Set(s), writes: Set(d))
    case .load(let d, let address, _), .loadAcquire(let d, let address):
      return Effect(reads: Set(address.base), writes: Set(d))
    case .loadOrFault(let d, let address, _):
      return Effect(reads: Set(address.base), writes: Set(d))
    case .store(let address, let s, _), .storeRelease(let address, let s),
      .storeOrFault(let address, let s, _):
      return Effect(reads: [Set(address.base), Set(s)])
    case .storeConstant(let address, _), .prefetchForStore(let address):
      return Effect(reads: Set(address.base))
    case .arithmetic(_, let d, let operand):
      return Effect(reads: operand.reads.union(Set(d)), writes: Set(d))
    case .addShifted(let d, let s, _):
      return Effect(reads: [Set(d), Set(s)], writes: Set(d))
    case .shiftLeft(let d, _), .shiftRight(let d, _):
      return Effect(reads: Set(d), writes: Set(d))
    case .branch(_, let register, let operand, _):
      return Effect(reads: operand.reads.union(Set(register)))
    case .localAdd(let address, let operand), .atomicAdd(let address, let operand):
      return Effect(reads: operand.reads.union(Set(address.base)))
    case .localCompareExchange(let address, let expected, let desired, _),
      .atomicCompareExchange(let address, let expected, let desired, _):
      return Effect(reads: [Set(address.base), Set(expected), Set(desired)], spoils: Set(expected))
    case .timestamp(let d, let scratch):
      return Effect(writes: Set(d), spoils: Set(scratch).subtracting(Set(d)))
    case .storeReturnAddress(let s), .jumpAddress(let s), .setArgument(_, let s):
      return Effect(reads: Set(s))
    case .call:
      return Effect(writes: .routine)
    case .callBody:
      return Effect(spoils: .all)
    }
  }

  /// The label that the instruction may go to, or nil.
  package var target: ProbeLabel? {
    switch self {
    case .branch(_, _, _, let label), .jump(let label), .loadOrFault(_, _, let label),
      .storeOrFault(_, _, let label):
      label
    case .localCompareExchange(_, _, _, let label), .atomicCompareExchange(_, _, _, let label): label
    default: nil
    }
  }

  /// Whether it is one of the two compare-and-exchange instructions.
  package var isCompareExchange: Bool {
    switch self {
    case .localCompareExchange, .atomicCompareExchange: true
    default: false
    }
  }

  /// Whether it may stand among committed instructions: what it does depends on no memory, and can be done from outside.
  package var isCommittable: Bool {
    switch self {
    case .store(_, _, .eight), .storeConstant, .restartable: true
    default: false
    }
  }

  /// Whether control never goes on to the next instruction.
  package var endsPath: Bool {
    switch self {
    case .jump, .returnFromRoutine, .jumpBody, .jumpAddress, .leave: true
    default: false
    }
  }

  /// Whether the instruction means something in a program with this role.
  package func isAllowed(in role: ProbeProgram.Role) -> Bool {
    switch self {
    case .frameAddress, .loadReturnAddress, .storeReturnAddress, .callBody, .jumpBody, .leave:
      role != .routine
    case .argument, .setArgument, .jumpAddress: role.isAtSite
    case .registerFile: role == .stub
    case .siteOps: role.isShared
    case .returnFromRoutine: role == .routine
    default: true
    }
  }
}
