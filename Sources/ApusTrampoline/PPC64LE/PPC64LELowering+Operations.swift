import ApusISA
import ApusProbe

extension PPC64LELowering {
  /// Writes one instruction.
  mutating func write(_ instruction: ProbeInstruction, _ index: Int) throws(LoweringError) {
    switch instruction {
    case .label: break
    case .constant(let d, let value): constant(machine(d), value)
    case .move(let d, let s): if d != s { code.move(machine(d), machine(s)) }
    case .load(let d, let address, let width): load(d, address, width)
    case .store(let address, let s, let width):
      code.store(memory(address, width), machine(s), width.power)
    case .storeConstant(let address, let value):
      let source = self.value(.immediate(value))
      code.store(memory(address, .eight), source, .eight)
    case .arithmetic(let kind, let d, let operand): arithmetic(kind, machine(d), operand)
    case .shiftLeft(let d, let count):
      if count & 63 != 0 { code.shiftLeft(machine(d), machine(d), count & 63) }
    case .shiftRight(let d, let count):
      if count & 63 != 0 { code.shiftRight(machine(d), machine(d), count & 63) }
    case .addShifted(let d, let s, let count):
      code.shiftLeft(PPC64LEFrame.operand, machine(s), count & 3)
      code.arithmetic(.add, machine(d), machine(d), PPC64LEFrame.operand)
    case .branch(let condition, let left, let operand, _):
      compare(condition, machine(left), operand)
      branch(condition.power, to: outline.labelIndices[index])
    case .jump:
      if !outline.isNext(outline.labelIndices[index], after: index) {
        branch(nil, to: outline.labelIndices[index])
        isReachable = false
      }
    case .localAdd(let address, let operand): addToMemory(address, operand, isShared: false)
    case .atomicAdd(let address, let operand): addToMemory(address, operand, isShared: true)
    case .localCompareExchange(let address, let expected, let desired, _):
      compareExchange(address, machine(expected), machine(desired), isShared: false)
      branch(.notEqual, to: outline.labelIndices[index])
    case .atomicCompareExchange(let address, let expected, let desired, _):
      compareExchange(address, machine(expected), machine(desired), isShared: true)
      branch(.notEqual, to: outline.labelIndices[index])
    // lwsync orders all but a store before it with a load after it (Power ISA, book II, 4.4.3).
    case .loadAcquire(let d, let address):
      load(d, address, .eight)
      code.synchronize(.light)
    case .storeRelease(let address, let s):
      let place = memory(address, .eight)
      code.synchronize(.light)
      code.store(place, machine(s), .eight)
    case .fence: code.synchronize(.heavy)
    case .loadOrFault(let d, let address, _):
      let place = memory(address, .eight)
      faults.append((mark, outline.labelIndices[index]))
      code.load(machine(d), place, .eight)
    case .storeOrFault(let address, let s, _):
      let place = memory(address, .eight)
      faults.append((mark, outline.labelIndices[index]))
      code.store(place, machine(s), .eight)
    case .threadPointer(let d): code.move(machine(d), .threadPointer)
    case .timestamp(let d, _): code.move(machine(d), from: .timeBase)
    case .restartable, .committed: break
    case .pause: code.yield()
    case .trap(let reason):
      let start = mark
      code.trap()
      traps.append((start, mark, reason))
    case .prefetchForStore(let place): prefetchForStore(place)
    case .frameAddress(let d):
      if frame.fileDistance > 0 {
        code.addImmediate(machine(d), .r1, frame.fileDistance)
      } else {
        code.move(machine(d), .stackPointer)
      }
    case .loadReturnAddress(let d): code.move(machine(d), from: .link)
    case .storeReturnAddress(let s):
      code.move(to: .link, machine(s))
      returnAddress = .register(PPC64LE.returnAddressDwarfNumber)
      row()
    case .argument(let d, let argument):
      guard Register.arguments.indices.contains(argument) else {
        throw .notAllowed(program: program.name, index: index)
      }
      self.argument(machine(d), Register.arguments[argument])
    case .setArgument(let argument, let s):
      guard Register.arguments.indices.contains(argument) else {
        throw .notAllowed(program: program.name, index: index)
      }
      setArgument(Register.arguments[argument], machine(s))
    case .siteOps: throw .notAllowed(program: program.name, index: index)
    case .registerFile(let d): code.addImmediate(machine(d), .r1, PPC64LEFrame.fileOffset)
    case .call(let symbol): call(symbol)
    case .returnFromRoutine, .leave: leave()
    case .callBody: callBody(index)
    case .jumpBody: jumpBody()
    case .jumpAddress(let s): jump(to: machine(s))
    }
  }

  private mutating func load(_ d: ProbeRegister, _ address: ProbeAddress, _ width: ProbeWidth) {
    code.load(machine(d), memory(address, width), width.power)
  }

  /// A hint that would take more than two instructions, or a register for itself, is not worth it.
  private mutating func prefetchForStore(_ place: ProbeAddress) {
    let base = machine(place.base)
    if place.offset == 0 { return code.prefetchForStore(.r0, base) }
    let isFree = program.role == .routine || frame.needs.saved & PPC64LEFrame.operandBit != 0
    guard isFree, let offset = Int16(exactly: place.offset) else { return }
    code.addImmediate(PPC64LEFrame.operand, .r0, offset)
    code.prefetchForStore(base, PPC64LEFrame.operand)
  }

  private mutating func argument(_ d: Register, _ argument: Register) {
    for index in 0..<8 where PPC64LEFrame.machine[index] == argument {
      let bit: UInt16 = 1 << UInt16(index)
      if frame.needs.saved & bit != 0 { return code.load(d, Memory(.r1, frame.slot(bit)), .eight) }
    }
    code.move(d, argument)
  }

  private mutating func setArgument(_ argument: Register, _ s: Register) {
    for index in 0..<8 where PPC64LEFrame.machine[index] == argument {
      let bit: UInt16 = 1 << UInt16(index)
      if frame.needs.saved & bit != 0 { return code.store(Memory(.r1, frame.slot(bit)), s, .eight) }
    }
    code.move(argument, s)
  }

  // MARK: Memory that others change, too

  /// A signal that is delivered between the two halves breaks the reservation, as does another thread's store; then all is
  /// done again (Power ISA, book II, 4.4.2, and the kernel's return to user space).
  private mutating func addToMemory(_ address: ProbeAddress, _ operand: ProbeOperand, isShared: Bool) {
    let sum = PPC64LEFrame.operand
    if case .memory(let source) = operand {
      code.load(
        PPC64LEFrame.amount, memory(source, .eight, through: PPC64LEFrame.operand), .eight)
    }
    let place = pointer(address)
    if isShared { code.synchronize(.heavy) }
    let again = code.count
    code.loadReserved(sum, at: place)
    switch operand {
    case .register(let s): code.arithmetic(.add, sum, sum, machine(s))
    case .immediate(let value): add(sum, sum, Int64(value), isConstant: true)
    case .memory: code.arithmetic(.add, sum, sum, PPC64LEFrame.amount)
    }
    code.storeConditional(sum, at: place)
    code.branch(.notEqual, Int16(truncatingIfNeeded: again - code.count))
    if isShared { code.synchronize(.heavy) }
  }

  /// Leaves "equal" if memory held `expected`. What is atomic for all threads has a full fence on both sides, as a locked
  /// instruction of x86-64 has; what is so for one thread releases.
  private mutating func compareExchange(
    _ address: ProbeAddress, _ expected: Register, _ desired: Register, isShared: Bool
  ) {
    let place = pointer(address)
    code.synchronize(isShared ? .heavy : .light)
    let again = code.count
    code.loadReserved(PPC64LEFrame.operand, at: place)
    code.compareLogical(PPC64LEFrame.operand, expected)
    code.branch(.notEqual, 12)
    code.storeConditional(desired, at: place)
    code.branch(.notEqual, Int16(truncatingIfNeeded: again - code.count))
    if isShared { code.synchronize(.heavy) }
  }
}

extension ProbeWidth {
  var power: PPC64LE.Width {
    switch self {
    case .one: .one
    case .two: .two
    case .four: .four
    case .eight: .eight
    }
  }
}
