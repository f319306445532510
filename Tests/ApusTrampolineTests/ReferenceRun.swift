import ApusProbe

/// Why the interpreter did not run a program to its end.
struct ReferenceFailure: Error, CustomStringConvertible {
  var description: String
}

/// What the interpreter makes of a program: the same for every architecture.
struct ReferenceRun {
  /// The window at the end.
  var window: [UInt8]
  /// Whether the body was called or jumped to.
  var bodyRan: Bool

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
    bodyRan = false
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
          instruction, went: went, inRoutine: program.index >= linked.programs.count - routines)
      }
      switch status {
      case .ran: continue
      case .callBody:
        bodyRan = true
        // The body's own return address stood there.
        memory.regions[1].bytes = [UInt8](repeating: 0xee, count: 8)
      case .jumpBody:
        bodyRan = true
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
  }
  /// In the order in which they may call each other: each only those before it.
  var routines: [(symbol: ProbeSymbol, program: ProbeProgram)] = []
  var items: [Item] = []

  /// - Parameter sharesStubs: whether some of the stubs are of many functions.
  init(_ batch: Int, programs count: Int, window: ProgramWindow, sharesStubs: Bool = false) throws {
    for index in 0..<4 {
      let symbol = ProbeSymbol(rawValue: "r\(index)")
      var maker = RandomProgram(
        seed: UInt64(batch) << 32 | UInt64(index) << 16 | 1, role: .routine, window: window,
        routines: routines.map(\.symbol))
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
      var maker = RandomProgram(seed: seed, role: role, window: window, routines: routines.map(\.symbol))
      items.append(Item(program: maker.make("p\(batch).\(index)"), seed: seed))
    }
    for routine in routines { try routine.program.check() }
    for item in items { try item.program.check() }
  }

  func linked() throws -> LinkedPrograms {
    try LinkedPrograms(
      items.map(\.program),
      library: Dictionary(uniqueKeysWithValues: routines.map { ($0.symbol, $0.program) }))
  }

  /// Counts roles, and arguments by where they are found: pushed if the argument's register is that of a probe register
  /// that the program names.
  func count(_ coverage: inout Coverage, argumentRegisters: [ProbeRegister]) {
    coverage.count("role routine")
    for item in items {
      coverage.count(item.program.role.isShared ? "role sharedStub" : "role \(item.program.role)")
      var named: ProbeRegisterSet = []
      for instruction in item.program.instructions {
        if case .callBody = instruction { break }
        let effect = instruction.effect
        named.formUnion(effect.reads.union(effect.writes).union(effect.spoils))
      }
      for case .argument(_, let index) in item.program.instructions {
        let isPushed = index < argumentRegisters.count && named.contains(argumentRegisters[index])
        coverage.count("argument \(index) \(isPushed ? "pushed" : "live")")
      }
    }
  }
}
