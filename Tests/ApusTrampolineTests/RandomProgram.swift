import ApusProbe
import TestSupport

/// The memory that random programs use: `bytes` at `start`, compared after each run.
struct ProgramWindow {
  var start: UInt64
  /// Loads and stores go to the first bytes.
  static let randomBytes = 192
  /// Where a program leaves its registers at its end.
  static let dump: Int32 = 256
  /// Where a program keeps its return address.
  static let returnAddress: Int32 = 320
  /// Loop counters, by depth.
  static let counters: Int32 = 328
  static let bytes = 400
  /// Past what is compared: timestamps.
  static let timestamps: Int32 = 400
  static let timestampCount = 4
}

/// Makes random programs that end, and in which no register is read that has no specified value.
struct RandomProgram {
  private var random: Randomness
  private let window: ProgramWindow
  private let routines: [ProbeSymbol]
  private let role: ProbeProgram.Role
  /// Points to the window throughout.
  private let base: ProbeRegister
  /// The registers that the program uses, without ``base``.
  private var others: [ProbeRegister] = []
  private var instructions: [ProbeInstruction] = []
  private var labels = 0
  private var bodyCalled = false
  private var loops = 0
  private var timestamps = 0
  /// Whether the program may have a register file.
  private let writesRegisterFile: Bool
  /// Whether the program may set arguments. What they are if it leaves without the body is not specified.
  private let setsArguments: Bool
  /// What may be jumped to instead of the body.
  private let elsewhere: UInt64

  /// - Parameters:
  ///   - elsewhere: what may be jumped to instead of the body.
  ///   - routines: what may be called.
  init(
    seed: UInt64, role: ProbeProgram.Role, window: ProgramWindow, elsewhere: UInt64, routines: [ProbeSymbol]
  ) {
    var random = Randomness(seed: seed)
    self.role = role
    self.window = window
    let calls = !routines.isEmpty && (role == .routine || random.once(in: 3))
    self.routines = calls ? routines : []
    if role == .routine {
      let base = random.pick([ProbeRegister.v4, .v5, .v6, .v7])
      self.base = base
      others = ProbeRegister.all.filter { $0.rawValue < 4 || $0 != base && random.once(in: 2) }
    } else {
      let base = random.pick(ProbeRegister.all)
      self.base = base
      let share = 1 + random.below(3)
      others = ProbeRegister.all.filter {
        $0 != base && (calls && $0.rawValue < 4 || random.below(3) < share)
      }
      if others.isEmpty { others = [base == .v3 ? .v4 : .v3] }
    }
    writesRegisterFile = random.once(in: 4)
    setsArguments = role.isAtSite && random.once(in: 3)
    self.elsewhere = elsewhere
    self.random = random
  }

  /// Writes the whole program.
  mutating func make(_ name: String) -> ProbeProgram {
    if role != .routine, random.once(in: 2) { emitArguments() }
    start()
    if role != .routine { keepReturnAddress() }
    // What is entered by a return must say where it returns to.
    if role == .returnStub { giveBackReturnAddress() }
    block(4 + random.below(12), depth: 0)
    if role != .routine, random.once(in: 3) {
      finish()
      emit(.callBody)
      bodyCalled = true
      start()
      giveBackReturnAddress()
      block(random.below(8), depth: 0)
    }
    // Sometimes the end stands before something that is only branched to.
    if random.once(in: 4) {
      let aside = label()
      let back = label()
      emit(.branch(random.pick(ProbeCondition.allCases), any(), .immediate(random.immediate()), aside))
      emit(.label(back))
      end()
      emit(.label(aside))
      block(random.below(4), depth: 2)
      if random.once(in: 8) { filler() }
      emit(.jump(back))
    } else {
      end()
    }
    return ProbeProgram(name: name, role: role, instructions: instructions)
  }

  private mutating func end() {
    finish()
    switch role {
    case .routine: emit(.returnFromRoutine)
    case .returnStub: emit(.leave)
    case .stub, .sharedStub:
      if bodyCalled || !setsArguments && random.once(in: 2) { return emit(.leave) }
      if random.once(in: 2) { return emit(.jumpBody) }
      let register = any()
      emit(.constant(register, elsewhere))
      emit(.jumpAddress(register))
    }
  }

  // MARK: Parts

  private mutating func emit(_ instruction: ProbeInstruction) { instructions.append(instruction) }

  private mutating func label() -> ProbeLabel {
    labels += 1
    return ProbeLabel(rawValue: labels)
  }

  /// Any register with a value.
  private mutating func any() -> ProbeRegister {
    random.once(in: others.count + 1) ? base : random.pick(others)
  }
  /// A register that may be changed.
  private mutating func target() -> ProbeRegister { random.pick(others) }
  private mutating func target(not register: ProbeRegister) -> ProbeRegister? {
    let choices = others.filter { $0 != register }
    return choices.isEmpty ? nil : random.pick(choices)
  }

  /// Gives every register a value; routines begin with theirs.
  private mutating func start() {
    emit(.constant(base, window.start))
    for register in others where role != .routine || register.rawValue >= 4 {
      emit(.constant(register, random.value()))
    }
  }

  /// Stores all registers, so that they can be compared.
  private mutating func finish() {
    guard role != .routine else { return }
    for register in others + [base] {
      emit(.store(ProbeAddress(base, ProgramWindow.dump + 8 * Int32(register.rawValue)), register, .eight))
    }
  }

  /// A place in the window through a register that may be `base` or is made to point there. `count`: bytes
  /// there. `aligned`: as ordered and atomic accesses must be.
  private mutating func address(
    through register: ProbeRegister? = nil, count: Int = 8, aligned: Bool = false
  ) -> ProbeAddress {
    let register = register ?? any()
    var place = random.below(ProgramWindow.randomBytes - count + 1)
    if aligned { place &= ~7 }
    if register == base { return ProbeAddress(base, Int32(place)) }
    let offset: Int32 =
      switch random.below(6) {
      case 0: 0
      // As far as the words of contexts' cursors are from them, and pages away.
      case 3: Int32(random.below(1 << 25)) - (1 << 24)
      case 4: Int32(random.below(4096) - 2048) * 4096 + Int32(random.below(2)) * 8
      case 1: Int32(random.below(256)) - 128
      case 2: Int32(random.below(1024)) - 512
      default: Int32(truncatingIfNeeded: random.next())
      }
    let pointer = window.start &+ UInt64(place) &- UInt64(bitPattern: Int64(offset))
    emit(.constant(register, pointer))
    return ProbeAddress(register, offset)
  }

  private mutating func operand(with other: ProbeRegister) -> ProbeOperand {
    switch random.below(3) {
    case 0: .immediate(random.immediate())
    case 1: .register(random.once(in: 3) ? other : any())
    default: .memory(address(through: random.once(in: 3) && others.contains(other) ? other : nil))
    }
  }

  private mutating func keepReturnAddress() {
    let register = target()
    emit(.loadReturnAddress(register))
    emit(.store(ProbeAddress(base, ProgramWindow.returnAddress), register, .eight))
    emit(.constant(register, random.value()))
  }

  private mutating func giveBackReturnAddress() {
    let register = target()
    emit(.load(register, ProbeAddress(base, ProgramWindow.returnAddress), .eight))
    emit(.storeReturnAddress(register))
    emit(.constant(register, random.value()))
  }

  /// Before anything was changed, and later again: arguments go to the window.
  private mutating func emitArguments() {
    guard role.isAtSite else { return }
    emit(.constant(base, window.start))
    if role.isShared {
      let register = target()
      emit(.siteOps(register))
      emit(.store(ProbeAddress(base, Int32(random.below(180))), register, .eight))
    }
    for _ in 0..<(1 + random.below(3)) {
      let register = target()
      emit(.argument(register, random.below(6)))
      emit(.store(ProbeAddress(base, Int32(random.below(180))), register, .eight))
    }
  }

  /// So much code that short branches do not reach over it.
  private mutating func filler() {
    for _ in 0..<40 { emit(.arithmetic(.add, target(), .immediate(Int32(1000 + random.below(1000))))) }
  }

  private mutating func block(_ count: Int, depth: Int) {
    for _ in 0..<count { statement(depth) }
  }

  private mutating func statement(_ depth: Int) {
    switch random.below(29) {
    case 0: emit(.constant(target(), random.value()))
    case 1:
      let d = target()
      emit(.move(d, random.once(in: 4) ? d : any()))
    case 2, 3:
      let width = random.pick(ProbeWidth.allCases)
      let address = address(count: width.rawValue)
      emit(
        .load(others.contains(address.base) && random.once(in: 3) ? address.base : target(), address, width))
    case 4, 5:
      let width = random.pick(ProbeWidth.allCases)
      let address = address(count: width.rawValue)
      emit(.store(address, random.once(in: 3) ? address.base : any(), width))
    case 6: emit(.storeConstant(address(), random.immediate()))
    case 7, 8, 9:
      let d = target()
      emit(.arithmetic(random.pick(ProbeArithmetic.allCases), d, operand(with: d)))
    case 10: emit(.shiftLeft(target(), UInt8(random.below(64))))
    case 11: emit(.shiftRight(target(), UInt8(random.below(64))))
    case 12, 13: branch(depth)
    case 14: loop(depth)
    case 15, 16: add(atomic: random.once(in: 2))
    case 17, 18: exchange(atomic: random.once(in: 2))
    case 19:
      let address = address(aligned: true)
      if random.once(in: 2) {
        emit(
          .loadAcquire(others.contains(address.base) && random.once(in: 3) ? address.base : target(), address)
        )
      } else {
        emit(.storeRelease(address, random.once(in: 3) ? address.base : any()))
      }
    case 20: fault()
    case 21: timestamp()
    case 22:
      let far = ProbeAddress(any(), random.immediate())
      emit(random.pick([.fence, .pause, .threadPointer(target()), .prefetchForStore(far)]))
    case 23: frame()
    case 25: neighbours()
    case 26: emit(.trap(random.pick(ProbeTrap.allCases)))
    case 24: emit(.addShifted(target(), any(), UInt8(1 + random.below(3))))
    default: call()
    }
  }

  private mutating func branch(_ depth: Int) {
    let aside = label()
    let left = any()
    let operand = operand(with: left)
    if random.once(in: 3) { makeEqual(left, operand) }
    emit(.branch(random.pick(ProbeCondition.allCases), left, operand, aside))
    guard depth < 3 else { return emit(.label(aside)) }
    block(random.below(4), depth: depth + 1)
    if random.once(in: 12) { filler() }
    guard random.once(in: 2) else { return emit(.label(aside)) }
    let after = label()
    emit(.jump(after))
    emit(.label(aside))
    block(random.below(3), depth: depth + 1)
    emit(.label(after))
  }

  /// Makes a comparison come out equal, which it hardly ever does by chance.
  private mutating func makeEqual(_ left: ProbeRegister, _ operand: ProbeOperand) {
    switch operand {
    case .register: break
    case .immediate(let value): if left != base { emit(.constant(left, UInt64(bitPattern: Int64(value)))) }
    case .memory(let address): emit(.store(address, left, .eight))
    }
  }

  /// A loop of 1 to 3 rounds.
  private mutating func loop(_ depth: Int) {
    // A routine that is called in a loop must not use its caller's counter.
    guard depth < 2, role != .routine else { return }
    let counter = ProbeAddress(base, ProgramWindow.counters + 8 * Int32(depth))
    emit(.storeConstant(counter, 0))
    let again = label()
    emit(.label(again))
    block(random.below(4), depth: depth + 1)
    emit(random.once(in: 2) ? .localAdd(counter, .immediate(1)) : .atomicAdd(counter, .immediate(1)))
    let register = target()
    emit(.constant(register, UInt64(random.below(4))))
    emit(.branch(.aboveOrEqual, register, .memory(counter), again))
  }

  /// Several accesses near each other, through one register that points far away: also while that changes, and where ways
  /// meet, since a lowering may remember addresses.
  private mutating func neighbours() {
    guard let pointer = target(not: base), let other = target(not: pointer) else { return }
    var page = random.pick([0x40_2000, 0x80_5000, -0x1000, 0x1000, 0x7000_0000]) as Int32
    emit(.constant(pointer, window.start &- UInt64(bitPattern: Int64(page))))
    for _ in 0..<(2 + random.below(3)) {
      let place = ProbeAddress(pointer, page + Int32(8 * random.below(ProgramWindow.randomBytes / 8)))
      switch random.below(10) {
      case 0: emit(.load(other, place, .eight))
      case 1: emit(.store(place, any(), .four))
      case 2: emit(.storeConstant(place, random.immediate()))
      case 3: emit(.storeRelease(place, any()))
      case 4: emit(.loadAcquire(other, place))
      case 5: emit(.localAdd(place, random.once(in: 2) ? .register(other) : .memory(place)))
      case 6: emit(.arithmetic(random.pick(ProbeArithmetic.allCases), other, .memory(place)))
      case 7:
        let over = label()
        emit(.branch(random.pick(ProbeCondition.allCases), any(), .immediate(random.immediate()), over))
        emit(.store(place, any(), .four))
        emit(.label(over))
      case 8:
        let distance = Int32(random.below(256)) - 128
        emit(.arithmetic(.add, pointer, .immediate(distance)))
        page -= distance
      default: emit(.move(other, any()))
      }
    }
  }

  private mutating func add(atomic: Bool) {
    let address = address(aligned: true)
    var operand: ProbeOperand
    switch random.below(3) {
    case 0: operand = .immediate(random.immediate())
    case 1: operand = .register(random.once(in: 3) ? address.base : any())
    default:
      if random.once(in: 2) {
        operand = .memory(ProbeAddress(address.base, address.offset))
      } else if let second = target(not: address.base) {
        operand = .memory(self.address(through: second))
      } else {
        operand = .memory(address)
      }
    }
    emit(atomic ? .atomicAdd(address, operand) : .localAdd(address, operand))
  }

  private mutating func exchange(atomic: Bool) {
    let expected = target()
    let address = address(through: random.once(in: 3) ? expected : nil, aligned: true)
    let desired = [expected, address.base, any(), any()][random.below(4)]
    if expected != address.base, random.once(in: 2) { emit(.constant(expected, random.value())) }
    if random.once(in: 2) { emit(.store(address, expected, .eight)) }
    let failed = label()
    let after = label()
    emit(
      atomic
        ? .atomicCompareExchange(address, expected: expected, desired: desired, otherwise: failed)
        : .localCompareExchange(address, expected: expected, desired: desired, otherwise: failed))
    block(random.below(2), depth: 3)
    if random.once(in: 2) { emit(.jump(after)) }
    emit(.label(failed))
    emit(.constant(expected, random.value()))
    emit(.label(after))
  }

  private mutating func fault() {
    var address = address()
    if random.once(in: 2), let pointer = others.contains(address.base) ? address.base : target(not: base) {
      emit(.constant(pointer, 64))
      address = ProbeAddress(pointer, Int32(random.below(64)))
    }
    let failed = label()
    if random.once(in: 2) {
      emit(
        .loadOrFault(
          others.contains(address.base) && random.once(in: 3) ? address.base : target(), address, failed))
    } else {
      emit(.storeOrFault(address, random.once(in: 3) ? address.base : any(), failed))
    }
    block(random.below(2), depth: 3)
    emit(.label(failed))
  }

  private mutating func timestamp() {
    let d = target()
    let scratch = random.once(in: 3) ? d : target()
    emit(.timestamp(d, scratch: scratch))
    let slot = Int32(timestamps % ProgramWindow.timestampCount)
    timestamps += 1
    emit(.store(ProbeAddress(base, ProgramWindow.timestamps + 8 * slot), d, .eight))
    emit(.constant(d, random.value()))
    emit(.constant(scratch, random.value()))
  }

  private mutating func frame() {
    guard role != .routine else { return }
    switch random.below(3) {
    case 0: emit(.frameAddress(target()))
    case 1: emit(.loadReturnAddress(target()))
    default:
      emit(.storeReturnAddress(any()))
      emit(.loadReturnAddress(target()))
      giveBackReturnAddress()
    }
    guard role.isAtSite, !bodyCalled else { return }
    if random.once(in: 2) { emit(.argument(target(), random.below(6))) }
    if setsArguments, random.once(in: 2) { emit(.setArgument(random.below(6), any())) }
    if role.isShared { return emit(.siteOps(target())) }
    if writesRegisterFile {
      // The address is none that can be compared.
      let register = target()
      emit(.registerFile(register))
      emit(.load(register, ProbeAddress(register, 8 * Int32(random.below(15))), .eight))
    }
  }

  private mutating func call() {
    guard !routines.isEmpty else {
      return emit(.arithmetic(.exclusiveOr, target(), .immediate(random.immediate())))
    }
    emit(.call(random.pick(routines)))
    if base.rawValue < 4 { emit(.constant(base, window.start)) }
  }
}
