import ApusProbe
import Testing

/// What the interpreter says the language means.
@Suite struct InterpreterTests {
  private static let memory = FlatMemory([.init(start: 0x1000, bytes: [UInt8](repeating: 0, count: 64))])

  private static func machine(
    _ role: ProbeProgram.Role, library: [ProbeSymbol: ProbeProgram] = [:], _ instructions: [ProbeInstruction]
  ) throws -> ProbeInterpreter {
    let program = ProbeProgram(name: "main", role: role, instructions: instructions)
    let linked = try LinkedPrograms([program], library: library)
    return ProbeInterpreter(
      linked.entry(0), of: linked, threadPointer: 7, frameAddress: 0x1008, time: 40, timeStep: 2)
  }

  @Test func exchangeKeepsExpectedOnlyOnSuccess() throws {
    let other = ProbeLabel(rawValue: 1)
    var memory = Self.memory
    for (expected, succeeds) in [(0, true), (5, false)] as [(UInt64, Bool)] {
      var copy = memory
      var machine = try Self.machine(
        .routine,
        [
          .constant(.v0, 0x1000), .constant(.v1, expected), .constant(.v2, 9),
          .localCompareExchange(ProbeAddress(.v0), expected: .v1, desired: .v2, otherwise: other),
          .constant(.v3, 1), .returnFromRoutine, .label(other), .constant(.v3, 2), .returnFromRoutine,
        ])
      #expect(machine.run(&copy) == .returned)
      #expect(machine[.v3] == (succeeds ? 1 : 2))
      #expect(try copy.load(0x1000, .eight, .plain) == (succeeds ? 9 : 0))
      #expect(ProbeInterpreter.isPoison(machine[.v1]) == !succeeds)
    }
    memory.fence()
  }

  @Test func faultsGoToTheirLabelOrStopTheProgram() throws {
    let skip = ProbeLabel(rawValue: 1)
    var memory = Self.memory
    var machine = try Self.machine(
      .routine,
      [
        .constant(.v0, 0x9000), .constant(.v1, 3), .loadOrFault(.v1, ProbeAddress(.v0), skip),
        .constant(.v1, 4),
        .label(skip), .load(.v2, ProbeAddress(.v0, 8), .eight), .returnFromRoutine,
      ])
    #expect(machine.run(&memory) == .fault(ProbeFault(address: 0x9008)))
    #expect(machine[.v1] == 3)
    #expect(machine.next == .load(.v2, ProbeAddress(.v0, 8), .eight))
  }

  @Test func routinesKeepTheUpperRegisters() throws {
    let routine = ProbeProgram(
      name: "routine", role: .routine,
      instructions: [.constant(.v4, 1), .constant(.v0, 2), .move(.v5, .v0), .returnFromRoutine])
    let symbol = ProbeSymbol(rawValue: "routine")
    var memory = Self.memory
    var machine = try Self.machine(
      .stub, library: [symbol: routine],
      [.constant(.v4, 44), .constant(.v5, 55), .constant(.v0, 0), .call(symbol), .jumpBody])
    #expect(machine.run(&memory) == .jumpBody)
    #expect(machine[.v0] == 2)
    #expect(machine[.v4] == 44)
    #expect(machine[.v5] == 55)
  }

  @Test func nothingSurvivesTheBody() throws {
    var memory = Self.memory
    var machine = try Self.machine(
      .stub,
      [
        .constant(.v6, 6), .loadReturnAddress(.v0), .callBody, .timestamp(.v1, scratch: .v2),
        .storeReturnAddress(.v1), .leave,
      ])
    #expect(machine.run(&memory) == .callBody)
    for register in ProbeRegister.all { #expect(ProbeInterpreter.isPoison(machine[register])) }
    #expect(machine.run(&memory) == .left)
    #expect(try memory.load(0x1008, .eight, .plain) == 40)
    #expect(machine.time == 42)
  }

  @Test func widthsAreZeroExtended() throws {
    var memory = FlatMemory([.init(start: 0x1000, bytes: [1, 2, 3, 4, 5, 6, 7, 0x88])])
    for (width, value) in [
      (.one, 0x01), (.two, 0x0201), (.four, 0x0403_0201), (.eight, 0x8807_0605_0403_0201),
    ] as [(ProbeWidth, UInt64)] {
      var machine = try Self.machine(
        .routine, [.constant(.v0, 0x1000), .load(.v1, ProbeAddress(.v0), width), .returnFromRoutine])
      #expect(machine.run(&memory) == .returned)
      #expect(machine[.v1] == value)
    }
    #expect(throws: ProbeFault.self) { try memory.load(0x1004, .eight, .plain) }
  }

  @Test func signalsRestartWhatIsMarked() throws {
    let begin = ProbeLabel(rawValue: 1)
    let end = ProbeLabel(rawValue: 2)
    var memory = Self.memory
    for count in 0..<6 {
      var machine = try Self.machine(
        .routine,
        [
          .constant(.v0, 1), .label(begin), .constant(.v0, 2), .constant(.v0, 3), .label(end),
          .restartable(begin, end), .returnFromRoutine,
        ])
      for _ in 0..<count { _ = machine.step(&memory) }
      machine.settle(&memory)
      let expected = (2...3).contains(count) ? 1 : count
      #expect(machine.place.index == expected)
    }
  }

  @Test func signalsFindCommittedStoresDone() throws {
    let first = ProbeLabel(rawValue: 1)
    let second = ProbeLabel(rawValue: 2)
    let third = ProbeLabel(rawValue: 3)
    let code: [ProbeInstruction] = [
      .constant(.v0, 0x1000), .constant(.v1, 7), .label(first), .constant(.v2, 5),
      .storeRelease(ProbeAddress(.v0), .v2), .label(second), .restartable(first, second),
      .store(ProbeAddress(.v0, 8), .v1, .eight), .storeConstant(ProbeAddress(.v0, 16), 9), .label(third),
      .committed(second, third), .constant(.v1, 1), .returnFromRoutine,
    ]
    for count in 0..<code.count {
      var memory = Self.memory
      var machine = try Self.machine(.routine, code)
      for _ in 0..<count { _ = machine.step(&memory) }
      machine.settle(&memory)
      let isCommitted = count >= 5
      let words = try (0..<3).map { try memory.load(0x1000 + $0 * 8, .eight, .plain) }
      #expect(words == (isCommitted ? [5, 7, 9] : [0, 0, 0]))
      #expect(machine.place.index == ((3...4).contains(count) ? 2 : (5...8).contains(count) ? 9 : count))
    }
  }

  @Test func whatIsMissingIsSaid() {
    let symbol = ProbeSymbol(rawValue: "nowhere")
    #expect(throws: ProbeLinkError(program: "main", reason: .undefinedSymbol(symbol))) {
      try Self.machine(.stub, [.call(symbol), .jumpBody])
    }
  }
}
