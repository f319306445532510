/// What one step of an interpreter came to.
package enum ProbeStep: Sendable, Hashable {
  /// The program goes on.
  case ran
  /// The stub calls the body. To go on when the body has returned, step again.
  case callBody
  /// The stub is over; the body is to run, and returns to whatever address then stands at the frame address.
  case jumpBody
  /// The stub is over; what runs is at this address instead of the body, as with `jumpBody`.
  case jumpAddress(UInt64)
  /// The stub is over; control goes to the address that stands at the frame address.
  case left
  /// A routine that was started on its own has returned.
  case returned
  /// An access faulted that must not. Nothing was changed; the interpreter stands at the instruction.
  case fault(ProbeFault)
  /// Control ran off the program's end (a checked program does not).
  case ranOff
}

/// Runs one probe program, one instruction a step, as one thread would.
///
/// The meaning of the language, beyond what ``ProbeInstruction`` says:
/// - Every instruction is atomic against signals of this thread: a handler comes between two steps, never within.
///   (A lowering may use several machine instructions only if no handler could tell.)
/// - A stub begins with all registers unspecified, a routine with v4 to v7 unspecified. A routine may change v0 to v3;
///   v4 to v7 have their old values again when it has returned.
/// - Unspecified values are ``poison``: never zero, not canonical addresses, different each time. They are: all
///   registers at a stub's start; the scratch register of a timestamp; `expected` of a failed compare and
///   exchange (after a successful one it keeps its value); all registers after the body was called.
/// - The caller's return address stands in memory at the frame address (the x86_64 shape), where it is read and written
///   by plain accesses.
/// - At the label of a faulting load, its register has the value from before.
/// - Of an operation on memory with a memory operand, the operand is read first.
/// - The store of a local compare and exchange is a release.
///
/// A value: a copy is a second thread of control at the same point.
package struct ProbeInterpreter: Sendable {
  /// What a routine's caller goes on with.
  private struct Return: Sendable {
    var program: Int
    var index: Int
    var kept: (UInt64, UInt64, UInt64, UInt64)
  }

  /// The registers' values.
  package var registers: InlineArray<8, UInt64>
  /// The thread pointer.
  package var threadPointer: UInt64
  /// The frame address; for stubs.
  package var frameAddress: UInt64
  /// The integer arguments, as the caller passed them or the stub has set them; for stubs.
  package var arguments: InlineArray<6, UInt64>
  /// Where the call's register file is, which is in memory before the first step; for stubs.
  package var registerFile: UInt64
  /// Where the call site's ops are; for shared stubs.
  package var siteOps: UInt64 = 0
  /// What the next timestamp reads.
  package var time: UInt64
  /// What a timestamp adds to ``time``.
  package var timeStep: UInt64

  private let programs: LinkedPrograms
  private var program: Int
  private var index: Int
  private var calls: [Return] = []
  private var seed: UInt64

  /// Stands before an instruction of a program (normally the first), with every register poisoned.
  package init(
    _ entry: LinkedPrograms.Entry, at index: Int = 0, of programs: LinkedPrograms, threadPointer: UInt64,
    frameAddress: UInt64,
    arguments: InlineArray<6, UInt64> = InlineArray(repeating: 0), registerFile: UInt64 = 0, time: UInt64 = 1,
    timeStep: UInt64 = 1,
    seed: UInt64 = 1
  ) {
    self.programs = programs
    self.program = entry.index
    self.index = index
    self.threadPointer = threadPointer
    self.frameAddress = frameAddress
    self.arguments = arguments
    self.registerFile = registerFile
    self.time = time
    self.timeStep = timeStep
    self.seed = seed
    registers = InlineArray(repeating: 0)
    poisonAll()
  }

  /// The value of a register.
  package subscript(register: ProbeRegister) -> UInt64 {
    get { registers[Int(register.rawValue)] }
    set { registers[Int(register.rawValue)] = newValue }
  }

  /// The instruction that the next step executes, or nil past the end.
  package var next: ProbeInstruction? {
    let code = programs.linked[program]
    return index < code.count ? code[index].instruction : nil
  }
  /// The program that the next step is in, and the place there.
  package var place: (program: LinkedPrograms.Entry, index: Int) {
    (LinkedPrograms.Entry(index: program), index)
  }

  /// Goes on at another instruction of the same program, as a tracer can make a thread do.
  package mutating func go(to index: Int) { self.index = index }

  /// What the tracer does when a signal is delivered: in the midst of restartable instructions, back to their first; before or
  /// among committed ones, on to their end.
  package mutating func settle<Memory: ProbeMemory>(_ memory: inout Memory) {
    let code = programs.linked[program]
    if let end = code[index...].firstIndex(where: {
      if case .committed = $0.instruction { true } else { false }
    }),
      case .committed(let begin, let last) = code[end].instruction,
      let start = code.firstIndex(where: { $0.instruction == .label(begin) }), start <= index,
      let finish = code.firstIndex(where: { $0.instruction == .label(last) }), index < finish
    {
      while index < finish, step(&memory) == .ran {}
      return
    }
    guard
      let end = code[index...].firstIndex(where: {
        if case .restartable = $0.instruction { true } else { false }
      }),
      case .restartable(let begin, let last) = code[end].instruction,
      let start = code.firstIndex(where: { $0.instruction == .label(begin) }), start < index,
      let finish = code.firstIndex(where: { $0.instruction == .label(last) }), index < finish
    else { return }
    index = start
  }

  /// Whether a value looks like one that nothing may depend on.
  package static func isPoison(_ value: UInt64) -> Bool { value >> 48 == 0xDEAD }

  private mutating func poison() -> UInt64 {
    seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return 0xDEAD << 48 | seed >> 16
  }

  private mutating func poisonAll() {
    for register in 0..<8 { registers[register] = poison() }
  }

  // MARK: Operands

  private func address(_ place: ProbeAddress) -> UInt64 {
    self[place.base] &+ UInt64(bitPattern: Int64(place.offset))
  }

  /// Reads the second operand.
  private func value<Memory: ProbeMemory>(
    _ operand: ProbeOperand, _ memory: inout Memory
  ) throws(ProbeFault) -> UInt64 {
    switch operand {
    case .register(let register): self[register]
    case .immediate(let value): UInt64(bitPattern: Int64(value))
    case .memory(let place): try memory.load(address(place), .eight, .plain)
    }
  }

  // MARK: Steps

  /// Executes one instruction.
  package mutating func step<Memory: ProbeMemory>(_ memory: inout Memory) -> ProbeStep {
    do throws(ProbeFault) {
      return try execute(&memory)
    } catch {
      return .fault(error)
    }
  }

  /// Executes until the stub or routine is over, its body is called, or something is wrong.
  ///
  /// - Parameter limit: how many steps at most; `ran` is returned when they are used up.
  package mutating func run<Memory: ProbeMemory>(_ memory: inout Memory, limit: Int = 1_000_000) -> ProbeStep
  {
    for _ in 0..<limit {
      let result = step(&memory)
      if result != .ran { return result }
    }
    return .ran
  }

  private mutating func execute<Memory: ProbeMemory>(_ memory: inout Memory) throws(ProbeFault) -> ProbeStep {
    let code = programs.linked[program]
    guard index < code.count else { return .ranOff }
    let linked = code[index]
    var following = index + 1
    switch linked.instruction {
    case .label, .pause, .trap, .prefetchForStore, .restartable, .committed: break
    case .constant(let d, let value): self[d] = value
    case .move(let d, let s): self[d] = self[s]
    case .load(let d, let place, let width): self[d] = try memory.load(address(place), width, .plain)
    case .loadAcquire(let d, let place): self[d] = try memory.load(address(place), .eight, .acquire)
    case .store(let place, let s, let width): try memory.store(address(place), self[s], width, .plain)
    case .storeRelease(let place, let s): try memory.store(address(place), self[s], .eight, .release)
    case .storeConstant(let place, let value):
      try memory.store(address(place), UInt64(bitPattern: Int64(value)), .eight, .plain)
    case .arithmetic(let operation, let d, let operand):
      self[d] = operation.apply(self[d], try value(operand, &memory))
    case .shiftLeft(let d, let count): self[d] = self[d] << UInt64(count)
    case .shiftRight(let d, let count): self[d] = self[d] >> UInt64(count)
    case .addShifted(let d, let s, let count): self[d] = self[d] &+ self[s] << UInt64(count)
    case .branch(let condition, let left, let right, _):
      if condition.holds(self[left], try value(right, &memory)) { following = linked.target }
    case .jump: following = linked.target
    case .localAdd(let place, let operand): try add(place, operand, .plain, &memory)
    case .atomicAdd(let place, let operand): try add(place, operand, .atomic, &memory)
    case .localCompareExchange(let place, let expected, let desired, _):
      if try !exchange(place, expected, desired, .release, &memory) { following = linked.target }
    case .atomicCompareExchange(let place, let expected, let desired, _):
      if try !exchange(place, expected, desired, .atomic, &memory) { following = linked.target }
    case .fence: memory.fence()
    case .loadOrFault(let d, let place, _):
      do throws(ProbeFault) {
        self[d] = try memory.load(address(place), .eight, .plain)
      } catch { following = linked.target }
    case .storeOrFault(let place, let s, _):
      do throws(ProbeFault) {
        try memory.store(address(place), self[s], .eight, .plain)
      } catch { following = linked.target }
    case .threadPointer(let d): self[d] = threadPointer
    case .timestamp(let d, let scratch):
      self[scratch] = poison()
      self[d] = time
      time &+= timeStep
    case .frameAddress(let d): self[d] = frameAddress
    case .loadReturnAddress(let d): self[d] = try memory.load(frameAddress, .eight, .plain)
    case .storeReturnAddress(let s): try memory.store(frameAddress, self[s], .eight, .plain)
    case .argument(let d, let place): self[d] = (0..<6).contains(place) ? arguments[place] : poison()
    case .setArgument(let place, let s): if (0..<6).contains(place) { arguments[place] = self[s] }
    case .registerFile(let d): self[d] = registerFile
    case .siteOps(let d): self[d] = siteOps
    case .call:
      calls.append(
        Return(
          program: program, index: following, kept: (registers[4], registers[5], registers[6], registers[7])))
      for register in 4..<8 { registers[register] = poison() }
      program = linked.target
      following = 0
    case .returnFromRoutine:
      guard let back = calls.popLast() else { return .returned }
      (registers[4], registers[5], registers[6], registers[7]) = back.kept
      program = back.program
      following = back.index
    case .callBody:
      index = following
      poisonAll()
      return .callBody
    case .jumpBody: return .jumpBody
    case .jumpAddress(let s): return .jumpAddress(self[s])
    case .leave: return .left
    }
    index = following
    return .ran
  }

  private mutating func add<Memory: ProbeMemory>(
    _ place: ProbeAddress, _ operand: ProbeOperand, _ order: ProbeOrder, _ memory: inout Memory
  ) throws(ProbeFault) {
    let amount = try value(operand, &memory)
    let old = try memory.load(address(place), .eight, order)
    try memory.store(address(place), old &+ amount, .eight, order)
  }

  private mutating func exchange<Memory: ProbeMemory>(
    _ place: ProbeAddress, _ expected: ProbeRegister, _ desired: ProbeRegister, _ order: ProbeOrder,
    _ memory: inout Memory
  ) throws(ProbeFault) -> Bool {
    let old = try memory.load(address(place), .eight, order == .release ? .plain : order)
    guard old == self[expected] else {
      self[expected] = poison()
      return false
    }
    try memory.store(address(place), self[desired], .eight, order)
    return true
  }
}

extension ProbeArithmetic {
  /// The result of the operation, with wrap-around.
  package func apply(_ left: UInt64, _ right: UInt64) -> UInt64 {
    switch self {
    case .add: left &+ right
    case .subtract: left &- right
    case .and: left & right
    case .or: left | right
    case .exclusiveOr: left ^ right
    case .multiply: left &* right
    }
  }
}
