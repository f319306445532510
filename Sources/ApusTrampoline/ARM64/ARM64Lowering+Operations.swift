import ApusISA
import ApusProbe

extension ARM64Lowering {
  /// Writes one instruction.
  mutating func write(_ instruction: ProbeInstruction, _ index: Int) throws(LoweringError) {
    switch instruction {
    case .label, .restartable, .committed: break
    case .constant(let d, let value): constant(machine(d), value)
    case .move(let d, let s): if d != s { code.move(machine(d), machine(s)) }
    case .load(let d, let place, let width): load(machine(d), reach(place, width), width)
    case .store(let place, let s, let width): store(machine(s), reach(place, width), width)
    case .storeConstant(let place, let value):
      let place = reach(place, .eight)
      if value != 0 { constant(ARM64Frame.value, UInt64(bitPattern: Int64(value))) }
      store(value == 0 ? .zero : ARM64Frame.value, place, .eight)
    case .arithmetic(let kind, let d, let operand): arithmetic(kind, machine(d), operand)
    case .shiftLeft(let d, let count): if count & 63 != 0 { code.shiftLeft(machine(d), machine(d), count) }
    case .shiftRight(let d, let count): if count & 63 != 0 { code.shiftRight(machine(d), machine(d), count) }
    case .addShifted(let d, let s, let count): code.add(machine(d), machine(d), machine(s), shift: count & 3)
    case .branch(let condition, let left, let operand, _):
      branch(compare(condition, machine(left), operand), to: outline.labelIndices[index])
    case .jump:
      if !outline.isNext(outline.labelIndices[index], after: index) {
        branch(.always, to: outline.labelIndices[index])
        isReachable = false
      }
    case .localAdd(let place, let operand): addToMemory(place, operand, atomic: false)
    case .atomicAdd(let place, let operand): addToMemory(place, operand, atomic: true)
    case .localCompareExchange(let place, let expected, let desired, _):
      compareExchange(place, expected, desired, atomic: false, to: outline.labelIndices[index])
    case .atomicCompareExchange(let place, let expected, let desired, _):
      compareExchange(place, expected, desired, atomic: true, to: outline.labelIndices[index])
    case .loadAcquire(let d, let place): code.loadAcquire(machine(d), exact(place))
    case .storeRelease(let place, let s): code.storeRelease(machine(s), exact(place))
    case .fence: code.fence()
    case .loadOrFault(let d, let place, _):
      let place = reach(place, .eight)
      faults.append((mark, outline.labelIndices[index]))
      load(machine(d), place, .eight)
    case .storeOrFault(let place, let s, _):
      let place = reach(place, .eight)
      faults.append((mark, outline.labelIndices[index]))
      store(machine(s), place, .eight)
    case .threadPointer(let d): code.readThreadPointer(machine(d))
    case .timestamp(let d, _): code.readCounter(machine(d))
    case .pause: code.hint(.yield)
    case .trap(let reason):
      let start = mark
      code.breakpoint()
      traps.append((start, mark, reason))
    // A hint that would take more than one instruction is not worth it.
    case .prefetchForStore(let place):
      if ARM64Displacement.isScaled(place.offset, .eight) {
        code.prefetchForStore(machine(place.base), UInt32(place.offset))
      }
    case .frameAddress(let d): code.add(machine(d), .sp, UInt16(frame.byteCount))
    case .loadReturnAddress(let d): loadReturnAddress(machine(d))
    case .storeReturnAddress(let s): storeReturnAddress(machine(s))
    case .argument(let d, let argument):
      // No probe register is one of these, so they still have the caller's values.
      guard (0..<6).contains(argument) else { throw .notAllowed(program: program.name, index: index) }
      code.move(machine(d), Register.arguments[argument])
    case .setArgument(let argument, let s):
      guard (0..<6).contains(argument) else { throw .notAllowed(program: program.name, index: index) }
      code.move(Register.arguments[argument], machine(s))
    case .registerFile(let d): code.add(machine(d), .sp, UInt16(frame.keptBytes))
    case .siteOps(let d):
      guard case .sharedStub(let distance) = program.role, (8...256).contains(distance) else {
        throw .notAllowed(program: program.name, index: index)
      }
      loadBody(machine(d))
      code.load(machine(d), machine(d), unscaled: Int32(-distance), .eight)
    case .call(let symbol): call(symbol)
    case .returnFromRoutine, .leave: leave()
    case .callBody: callBody(index)
    case .jumpBody: jumpBody()
    case .jumpAddress(let s): jump(to: machine(s))
    }
  }

  /// The shortest way to a constant that can be replaced.
  mutating func constant(_ d: Register, _ value: UInt64) {
    constants.append((mark, ARM64.moveCount(value), value))
    code.constant(d, value)
  }

  /// The second operand in a register.
  private mutating func register(_ operand: ProbeOperand) -> Register {
    switch operand {
    case .register(let register): return machine(register)
    case .immediate(let value): constant(ARM64Frame.value, UInt64(bitPattern: Int64(value)))
    case .memory(let place): loadOperand(ARM64Frame.value, place)
    }
    return ARM64Frame.value
  }

  private mutating func arithmetic(_ kind: ProbeArithmetic, _ d: Register, _ operand: ProbeOperand) {
    if case .immediate(let value) = operand {
      switch ARM64Immediate(kind, value) {
      case .nothing: return
      case .add(let bits, let high): return code.add(d, d, bits, high: high)
      case .subtract(let bits, let high): return code.subtract(d, d, bits, high: high)
      case .mask(let mask): if let kind = kind.arm64 { return code.logical(kind, d, d, mask) }
      case .zero, .none: break
      }
    }
    let source = register(operand)
    switch (kind, kind.arm64) {
    case (_, let logical?): code.logical(logical, d, d, source)
    case (.add, _): code.add(d, d, source)
    case (.subtract, _): code.subtract(d, d, source)
    default: code.multiply(d, d, source)
    }
  }

  /// Compares, and says what to branch on.
  private mutating func compare(
    _ condition: ProbeCondition, _ left: Register, _ operand: ProbeOperand
  ) -> Condition {
    if case .immediate(let value) = operand {
      switch ARM64Immediate(comparison: condition, value) {
      case .zero: return condition == .equal ? .zero(left) : .notZero(left)
      case .subtract(let bits, let high):
        code.compare(left, bits, high: high)
        return .flags(condition.arm64)
      case .add(let bits, let high):
        code.compareNegative(left, bits, high: high)
        return .flags(condition.arm64)
      case .mask, .nothing, .none: break
      }
    }
    code.compare(left, register(operand))
    return .flags(condition.arm64)
  }
}

extension ProbeArithmetic {
  /// Nil for what is no bitwise operation.
  var arm64: ARM64.Logical? {
    switch self {
    case .and: .and
    case .or: .or
    case .exclusiveOr: .exclusiveOr
    case .add, .subtract, .multiply: nil
    }
  }
}

extension ProbeCondition {
  /// Of unsigned comparisons: the carry is set if nothing was borrowed (Arm ARM, C1.2.4).
  var arm64: ARM64.Condition {
    switch self {
    case .equal: .equal
    case .notEqual: .notEqual
    case .below: .below
    case .aboveOrEqual: .aboveOrEqual
    }
  }
}
