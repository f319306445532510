import ApusProbe

/// Why the interpreter did not run a program to its end.
struct ReferenceFailure: Error, CustomStringConvertible {
  var description: String
}

/// Where the body was entered, which has two names so that a jump to an address can be told from one to the body.
enum BodyEntry: UInt64 {
  case none = 0
  case body = 1
  case elsewhere = 2
}

/// What the interpreter makes of a program: the same for every architecture.
struct ReferenceRun {
  /// The window at the end.
  var window: [UInt8]
  /// Whether the body was called or jumped to.
  var entered = BodyEntry.none
  /// The arguments that the body found.
  var arguments: InlineArray<6, UInt64>
  /// The traps, in the order in which they were executed.
  var traps: [PlacedTraps.Trap] = []

  /// What a program starts from.
  struct Start {
    var window: ProgramWindow
    /// What is in the window.
    var bytes: [UInt8]
    var frameAddress: UInt64
    var returnAddress: UInt64
    var threadPointer: UInt64
    var arguments: InlineArray<6, UInt64>
    /// Where the register file is, and its first words, as far as they are general registers.
    var registerFile: (address: UInt64, words: [UInt64])
    /// The address that may be jumped to instead of the body.
    var elsewhere: UInt64
    /// The arguments that are found on the stack.
    var pushedArguments: Set<Int>
    /// What the pointer before the call site says.
    var siteOps: UInt64 = 0
  }

  /// Runs a program, which must put its return address back.
  init(_ index: Int, of linked: LinkedPrograms, routines: Int, _ start: Start, _ coverage: inout Coverage)
    throws
  {
    var memory = FlatMemory([
      .init(start: start.window.start, bytes: start.bytes + [UInt8](repeating: 0, count: 64)),
      .init(start: start.frameAddress, bytes: word(start.returnAddress)),
      .init(start: start.registerFile.address, bytes: start.registerFile.words.flatMap(word)),
    ])
    var interpreter = ProbeInterpreter(
      linked.entry(index), of: linked, threadPointer: start.threadPointer, frameAddress: start.frameAddress,
      arguments: start.arguments, registerFile: start.registerFile.address, time: 1 << 40)
    interpreter.siteOps = start.siteOps
    arguments = start.arguments
    steps: for step in 0... {
      guard step < 100_000 else {
        throw ReferenceFailure(description: "the interpreter does not come to an end")
      }
      let (program, position) = interpreter.place
      let instruction = interpreter.next
      let status = interpreter.step(&memory)
      if let instruction {
        let went = interpreter.place.index != position + 1
        if went, instruction.target != nil, interpreter.place.index < position { coverage.count("loop") }
        coverage.observe(
          instruction, went: went, inRoutine: program.index >= linked.programs.count - routines,
          pushedArguments: start.pushedArguments)
        if case .trap = instruction {
          traps.append(.init(program: linked.programs[program.index].name, index: position))
        }
      }
      switch status {
      case .ran: continue
      case .callBody:
        entered = .body
        arguments = interpreter.arguments
        // The body's own return address stood there.
        memory.regions[1].bytes = [UInt8](repeating: 0xee, count: 8)
      case .jumpBody:
        entered = .body
        arguments = interpreter.arguments
        break steps
      case .jumpAddress(start.elsewhere):
        entered = .elsewhere
        arguments = interpreter.arguments
        let program = linked.programs[program.index]
        coverage.count("jumpAddress \(program.writesRegisterFile ? "with" : "without") a register file")
        break steps
      case .left: break steps
      case .returned, .fault, .ranOff, .jumpAddress:
        throw ReferenceFailure(description: "the interpreter says \(status)")
      }
    }
    guard memory.regions[1].bytes == word(start.returnAddress) else {
      throw ReferenceFailure(description: "the program does not put its return address back")
    }
    window = Array(memory.regions[0].bytes[..<ProgramWindow.bytes])
  }

  /// Where another window differs, or nil.
  func difference(_ other: [UInt8]) -> String? {
    for place in stride(from: 0, to: ProgramWindow.bytes, by: 8) {
      let (left, right) = (other[place..<place + 8], window[place..<place + 8])
      if left != right { return "memory at \(place): \(Array(left)), not \(Array(right))" }
    }
    return nil
  }
}

/// A word's bytes.
func word(_ value: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
}

/// Random programs that may call the same routines.
struct ProgramBatch {
  struct Item {
    var program: ProbeProgram
    var seed: UInt64
    /// The arguments whose registers are those of probe registers that the program names before it calls the body.
    var pushedArguments: Set<Int>
  }
  /// In the order in which they may call each other: each only those before it.
  var routines: [(symbol: ProbeSymbol, program: ProbeProgram)] = []
  var items: [Item] = []

  /// - Parameters:
  ///   - elsewhere: what may be jumped to instead of the body.
  ///   - argumentRegisters: which probe registers have the registers of the first arguments.
  ///   - sharesStubs: whether some of the stubs are of many functions.
  init(
    _ batch: Int, programs count: Int, window: ProgramWindow, elsewhere: UInt64,
    argumentRegisters: [ProbeRegister], sharesStubs: Bool = false
  ) throws {
    for index in 0..<4 {
      let symbol = ProbeSymbol(rawValue: "r\(index)")
      var maker = RandomProgram(
        seed: UInt64(batch) << 32 | UInt64(index) << 16 | 1, role: .routine, window: window,
        elsewhere: elsewhere, routines: routines.map(\.symbol))
      routines.append((symbol, maker.make(symbol.rawValue)))
    }
    for index in 0..<count {
      let seed = UInt64(batch) << 32 | UInt64(index) << 16 | 2
      let role: ProbeProgram.Role =
        switch index % 5 {
        case 3 where sharesStubs: .sharedStub(opsDistance: SharedSite.opsDistance)
        case 4: .returnStub
        default: .stub
        }
      var maker = RandomProgram(
        seed: seed, role: role, window: window, elsewhere: elsewhere, routines: routines.map(\.symbol))
      let program = maker.make("p\(batch).\(index)")
      let named = program.namedBeforeBody
      let pushed = argumentRegisters.indices.filter { named.contains(argumentRegisters[$0]) }
      items.append(Item(program: program, seed: seed, pushedArguments: Set(pushed)))
    }
    for routine in routines { try routine.program.check() }
    for item in items { try item.program.check() }
  }

  func linked() throws -> LinkedPrograms {
    try LinkedPrograms(
      items.map(\.program),
      library: Dictionary(uniqueKeysWithValues: routines.map { ($0.symbol, $0.program) }))
  }

  /// Counts roles.
  func count(_ coverage: inout Coverage) {
    coverage.count("role routine")
    for item in items {
      coverage.count(item.program.role.isShared ? "role sharedStub" : "role \(item.program.role)")
    }
  }
}

extension ProbeProgram {
  /// The registers that it names before it calls the body.
  fileprivate var namedBeforeBody: ProbeRegisterSet {
    var named: ProbeRegisterSet = []
    for instruction in instructions {
      if case .callBody = instruction { break }
      let effect = instruction.effect
      named.formUnion(effect.reads.union(effect.writes).union(effect.spoils))
    }
    return named
  }

  /// Whether it has a register file.
  fileprivate var writesRegisterFile: Bool {
    instructions.contains { if case .registerFile = $0 { true } else { false } }
  }
}
