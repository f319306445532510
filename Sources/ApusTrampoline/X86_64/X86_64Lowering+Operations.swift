import ApusISA
import ApusProbe

extension X86_64Lowering {
  /// Writes one instruction.
  mutating func write(_ instruction: ProbeInstruction, _ index: Int) throws(LoweringError) {
    switch instruction {
    case .label: break
    case .constant(let d, let value): constant(machine(d), value)
    case .move(let d, let s): if d != s, factor(after: index, d) == nil { code.move(machine(d), machine(s)) }
    case .load(let d, let address, let width): code.load(machine(d), memory(address), width.machine)
    case .store(let address, let s, let width): code.store(memory(address), machine(s), width.machine)
    case .storeConstant(let address, let value):
      code.store(memory(address), immediate: value)
      immediateSite(value)
    case .arithmetic(.multiply, let d, .immediate(let value)):
      // `imul` takes its factor from another register: a move before is part of it.
      var source = d
      if index > 0, case .move(d, let s) = program.instructions[index - 1] { source = s }
      code.multiply(machine(d), machine(source), value)
      if Int8(exactly: value) == nil { immediateSite(value) }
    case .arithmetic(let kind, let d, let operand): arithmetic(kind, machine(d), operand)
    case .shiftLeft(let d, let count): if count & 63 != 0 { code.shift(.left, machine(d), count & 63) }
    case .shiftRight(let d, let count): if count & 63 != 0 { code.shift(.right, machine(d), count & 63) }
    case .addShifted(let d, let s, let count):
      code.loadEffectiveAddress(machine(d), machine(d), index: machine(s), shift: count & 3)
    case .branch(let condition, let left, let operand, _):
      compare(condition, machine(left), operand)
      branch(condition.machine, to: outline.labelIndices[index])
    case .jump:
      if !outline.isNext(outline.labelIndices[index], after: index) {
        branch(nil, to: outline.labelIndices[index])
        isReachable = false
      }
    case .localAdd(let address, let operand): addToMemory(address, operand, lock: false)
    case .atomicAdd(let address, let operand): addToMemory(address, operand, lock: true)
    case .localCompareExchange(let address, let expected, let desired, _):
      compareExchange(address, expected, desired, lock: false)
      branch(.notEqual, to: outline.labelIndices[index])
    case .atomicCompareExchange(let address, let expected, let desired, _):
      compareExchange(address, expected, desired, lock: true)
      branch(.notEqual, to: outline.labelIndices[index])
    // x86-64 stores become visible in order and loads are done in order (Intel manual, volume 3, 9.2).
    case .loadAcquire(let d, let address): code.load(machine(d), memory(address), .eight)
    case .storeRelease(let address, let s): code.store(memory(address), machine(s), .eight)
    // A locked operation is a full fence, and cheaper than mfence; the top of the stack is ours.
    case .fence: code.arithmetic(.or, Memory(.rsp), 0, lock: true)
    case .loadOrFault(let d, let address, _):
      fault(index)
      code.load(machine(d), memory(address), .eight)
    case .storeOrFault(let address, let s, _):
      fault(index)
      code.store(memory(address), machine(s), .eight)
    case .threadPointer(let d): code.load(machine(d), .thread(0), .eight)
    case .timestamp(let d, let scratch): timestamp(d, scratch)
    case .restartable, .committed: break
    case .pause: code.pause()
    case .trap(let reason):
      let start = mark
      code.breakpoint()
      traps.append((start, mark, reason))
    case .prefetchForStore(let address): code.prefetchForStore(memory(address))
    case .frameAddress(let d): code.loadEffectiveAddress(machine(d), Memory(.rsp, frame.byteCount))
    case .loadReturnAddress(let d): code.load(machine(d), Memory(.rsp, frame.byteCount), .eight)
    case .storeReturnAddress(let s):
      code.store(Memory(.rsp, frame.byteCount), machine(s), .eight)
      returnAddress = .memory(-8)
      row()
    case .argument(let d, let argument):
      guard (0..<Register.arguments.count).contains(argument) else {
        throw .notAllowed(program: program.name, index: index)
      }
      self.argument(machine(d), Register.arguments[argument])
    case .setArgument(let argument, let s):
      guard (0..<Register.arguments.count).contains(argument) else {
        throw .notAllowed(program: program.name, index: index)
      }
      setArgument(Register.arguments[argument], machine(s))
    case .siteOps: throw .notAllowed(program: program.name, index: index)
    case .registerFile(let d):
      code.loadEffectiveAddress(machine(d), Memory(.rsp, frame.byteCount - frame.fileBytes))
    case .call(let symbol): call(symbol)
    case .returnFromRoutine, .leave: leave()
    case .callBody: callBody(index)
    case .jumpBody: jumpBody()
    case .jumpAddress(let s): jump(to: machine(s))
    }
  }

  /// The immediate by which the next instruction multiplies `d`; nil if it does something else.
  private func factor(after index: Int, _ d: ProbeRegister) -> Int32? {
    guard index + 1 < program.instructions.count,
      case .arithmetic(.multiply, d, .immediate(let value)) = program.instructions[index + 1]
    else { return nil }
    return value
  }

  /// The shortest way to a constant.
  private mutating func constant(_ d: Register, _ value: UInt64) {
    if value == 0 {
      code.clear(d)
    } else if let short = UInt32(exactly: value) {
      code.move32(d, short)
      site(.zeroExtended32, 4, value)
    } else if let short = Int32(exactly: Int64(bitPattern: value)) {
      code.moveSigned(d, short)
      site(.signExtended32, 4, value)
    } else {
      code.move64(d, value)
      site(.full64, 8, value)
    }
  }

  /// Notes that the last `count` bytes are a constant.
  private mutating func site(_ form: CodeBlob.ConstantSite.Form, _ count: Int, _ value: UInt64) {
    constants.append((Mark(position: code.count - count, branches: branches.count), form, value))
  }

  private mutating func immediateSite(_ value: Int32) {
    site(.signExtended32, 4, UInt64(bitPattern: Int64(value)))
  }

  private mutating func arithmetic(_ kind: ProbeArithmetic, _ d: Register, _ operand: ProbeOperand) {
    switch (kind.machine, operand) {
    case (let kind?, .register(let s)): code.arithmetic(kind, d, machine(s))
    case (let kind?, .memory(let address)): code.arithmetic(kind, d, memory(address))
    case (let kind?, .immediate(let value)): code.arithmetic(kind, d, value)
    case (nil, .register(let s)): code.multiply(d, machine(s))
    case (nil, .memory(let address)): code.multiply(d, memory(address))
    case (nil, .immediate(let value)): code.multiply(d, d, value)
    }
    if case .immediate(let value) = operand, Int8(exactly: value) == nil { immediateSite(value) }
  }

  private mutating func compare(_ condition: ProbeCondition, _ left: Register, _ operand: ProbeOperand) {
    switch operand {
    case .register(let right): code.arithmetic(.compare, left, machine(right))
    case .memory(let address): code.arithmetic(.compare, left, memory(address))
    case .immediate(0) where condition == .equal || condition == .notEqual: code.test(left, left)
    case .immediate(let value):
      code.arithmetic(.compare, left, value)
      if Int8(exactly: value) == nil { immediateSite(value) }
    }
  }

  private mutating func addToMemory(_ address: ProbeAddress, _ operand: ProbeOperand, lock: Bool) {
    switch operand {
    case .register(let s): code.arithmetic(.add, memory(address), machine(s), lock: lock)
    case .immediate(let value):
      code.arithmetic(.add, memory(address), value, lock: lock)
      if Int8(exactly: value) == nil { immediateSite(value) }
    case .memory(let source):
      let extra = X86_64Frame.machine[8]
      code.load(extra, memory(source), .eight)
      code.arithmetic(.add, memory(address), extra, lock: lock)
    }
  }

  /// `cmpxchg`, which wants the expected value in rax and on failure spoils rax; what v0 holds is kept, if it
  /// may be needed, in the register of `expected`. Moves leave the flags alone.
  private mutating func compareExchange(
    _ address: ProbeAddress, _ expected: ProbeRegister, _ desired: ProbeRegister, lock: Bool
  ) {
    guard expected != .v0 else {
      return code.compareExchange(memory(address), machine(desired), lock: lock)
    }
    guard frame.live & X86_64Frame.accumulator != 0 else {
      code.move(.rax, machine(expected))
      return code.compareExchange(memory(address), machine(desired), lock: lock)
    }
    func swapped(_ register: ProbeRegister) -> Register {
      register == .v0 ? machine(expected) : register == expected ? .rax : machine(register)
    }
    code.exchange(machine(expected), .rax)
    code.compareExchange(
      Memory(swapped(address.base), address.offset), swapped(desired), lock: lock)
    code.exchange(machine(expected), .rax)
  }

  private mutating func fault(_ index: Int) { faults.append((mark, outline.labelIndices[index])) }

  private mutating func argument(_ d: Register, _ argument: Register) {
    for index in 0..<8 where X86_64Frame.machine[index] == argument {
      if let slot = frame.slot(index) { return code.load(d, Memory(.rsp, slot), .eight) }
    }
    code.move(d, argument)
  }

  private mutating func setArgument(_ argument: Register, _ s: Register) {
    for index in 0..<8 where X86_64Frame.machine[index] == argument {
      if let slot = frame.slot(index) { return code.store(Memory(.rsp, slot), s, .eight) }
    }
    code.move(argument, s)
  }
}

extension ProbeWidth {
  var machine: X86_64.Width {
    switch self {
    case .one: .one
    case .two: .two
    case .four: .four
    case .eight: .eight
    }
  }
}

extension ProbeArithmetic {
  /// Nil for multiplication, which has forms of its own.
  var machine: X86_64.Arithmetic? {
    switch self {
    case .add: .add
    case .subtract: .subtract
    case .and: .and
    case .or: .or
    case .exclusiveOr: .exclusiveOr
    case .multiply: nil
    }
  }
}

extension ProbeCondition {
  var machine: X86_64.Condition {
    switch self {
    case .equal: .equal
    case .notEqual: .notEqual
    case .below: .below
    case .aboveOrEqual: .aboveOrEqual
    }
  }
}
