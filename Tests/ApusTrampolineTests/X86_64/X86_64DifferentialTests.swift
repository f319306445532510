import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import CApusLinux
import Testing

extension X86_64ExecutionTests {
  /// Random programs, as machine code and in the interpreter.
  @Test("100,000 random programs do the same as the interpreter")
  func differential() throws {
    var differential = try Differential()
    let batches = 200
    for batch in 0..<batches {
      guard try differential.run(batch: batch, programs: 500) else { break }
    }
    #expect(differential.programs == batches * 500)
    print(differential.coverage.table)
    #expect(differential.coverage.unknown.isEmpty)
    #expect(differential.coverage.empty.isEmpty, "never ran")
  }
}

private struct Differential {
  let lowering: Lowering
  let runner: CodeRunner
  let data: CodeArena
  let window: ProgramWindow
  var coverage = Coverage()
  var programs = 0

  init() throws {
    lowering = try Lowering(.x86_64)
    runner = try CodeRunner()
    data = try CodeArena(size: 4096)
    window = ProgramWindow(start: data.start + 1024)
  }

  /// One stub, ready to run.
  private struct Case {
    var program: ProbeProgram
    var entry: Address
    var seed: UInt64
  }

  /// Generates, lowers and runs a batch; false if something differed.
  mutating func run(batch: Int, programs count: Int) throws -> Bool {
    let arena = try CodeArena(size: 1 << 20)
    let body = try arena.appendJump(to: runner.body)
    var faults: [(start: Address, recovery: Address)] = []
    var addresses: [ProbeSymbol: Address] = [:]
    var library: [ProbeSymbol: ProbeProgram] = [:]
    for index in 0..<4 {
      let symbol = ProbeSymbol(rawValue: "r\(index)")
      var maker = RandomProgram(
        seed: UInt64(batch) << 32 | UInt64(index) << 16 | 1, role: .routine, window: window,
        routines: Array(addresses.keys.sorted { $0.rawValue < $1.rawValue }))
      let program = maker.make(symbol.rawValue)
      addresses[symbol] = try place(program, arena, body, addresses, &faults)
      library[symbol] = program
    }
    let symbols = library.keys.sorted { $0.rawValue < $1.rawValue }
    var cases: [Case] = []
    for index in 0..<count {
      let seed = UInt64(batch) << 32 | UInt64(index) << 16 | 2
      let role: ProbeProgram.Role = index % 5 == 4 ? .returnStub : .stub
      var maker = RandomProgram(seed: seed, role: role, window: window, routines: symbols)
      let program = maker.make("p\(batch).\(index)")
      var entry = try place(program, arena, body, addresses, &faults)
      if role == .returnStub {
        // It is entered by a return: the return address is off the stack.
        var code = X86_64.Encoder()
        code.loadEffectiveAddress(.rsp, .init(.rsp, 8))
        let end = arena.next + UInt64(code.count + 5)
        code.jump(near: Int32(truncatingIfNeeded: Int64(bitPattern: entry &- end)))
        entry = try arena.append(code.bytes)
      }
      coverage.count("role \(role)")
      countArguments(program)
      cases.append(Case(program: program, entry: entry, seed: seed))
    }
    coverage.count("role routine")
    try arena.seal()
    try runner.setFaults(faults)
    let linked = try LinkedPrograms(cases.map(\.program), library: library)
    for (index, item) in cases.enumerated() {
      if let difference = try compare(item, linked, index) {
        let listing = item.program.instructions.map { "  \($0)" }.joined(separator: "\n")
        Issue.record("\(item.program.name) (\(item.program.role)): \(difference)\n\(listing)")
        return false
      }
      programs += 1
    }
    return true
  }

  private func place(
    _ program: ProbeProgram, _ arena: CodeArena, _ body: Address, _ symbols: [ProbeSymbol: Address],
    _ faults: inout [(start: Address, recovery: Address)]
  ) throws -> Address {
    try program.check()
    let blob = try lowering.lower(program)
    let place = try arena.append(blob.placed(at: arena.next, body: body) { symbols[$0] })
    for entry in blob.faultTable {
      faults.append((place + UInt64(entry.start), place + UInt64(entry.recovery)))
    }
    return place
  }

  private mutating func countArguments(_ program: ProbeProgram) {
    var named: ProbeRegisterSet = []
    for instruction in program.instructions {
      if case .callBody = instruction { break }
      named.formUnion(
        instruction.effect.reads.union(instruction.effect.writes).union(instruction.effect.spoils))
    }
    let registers: [ProbeRegister] = [.v4, .v3, .v2, .v1, .v5, .v6]
    for instruction in program.instructions {
      guard case .argument(_, let index) = instruction else { continue }
      coverage.count("argument \(index) \(named.contains(registers[index]) ? "pushed" : "live")")
    }
  }

  /// What differs, or nil.
  private mutating func compare(_ item: Case, _ linked: LinkedPrograms, _ index: Int) throws -> String? {
    var random = Randomness(seed: item.seed ^ 0x5eed)
    let before = RegisterValues(&random)
    let result = RegisterValues(&random)
    let bytes = (0..<(ProgramWindow.bytes / 8)).flatMap { _ in
      let word = random.next()
      return (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
    }

    // The machine.
    data.write(bytes, at: 1024)
    data.write([UInt8](repeating: 0, count: 8 * ProgramWindow.timestampCount), at: 1024 + ProgramWindow.bytes)
    runner.setResult(result)
    let start = apus_run_code_timestamp()
    let after = runner.run(item.entry, before)
    let end = apus_run_code_timestamp()
    let machineBytes = data.read(1024, ProgramWindow.bytes)

    // The interpreter.
    var memory = FlatMemory([
      .init(start: window.start, bytes: bytes + [UInt8](repeating: 0, count: 64)),
      .init(start: runner.frameAddress, bytes: Self.word(runner.returnAddress)),
    ])
    var interpreter = ProbeInterpreter(
      linked.entry(index), of: linked, threadPointer: threadPointer(), frameAddress: runner.frameAddress,
      arguments: [
        before[.rdi], before[.rsi], before[.rdx], before[.rcx], before[.r8], before[.r9],
      ], time: 1 << 40)
    var bodyRan = false
    steps: for step in 0... {
      guard step < 100_000 else { return "the interpreter does not come to an end" }
      let (program, position) = interpreter.place
      let instruction = interpreter.next
      let status = interpreter.step(&memory)
      if let instruction {
        let went = interpreter.place.index != position + 1
        if went, instruction.target != nil, interpreter.place.index < position { coverage.count("loop") }
        coverage.observe(instruction, went: went, inRoutine: program.index >= linked.programs.count - 4)
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
      case .returned, .fault, .ranOff: return "the interpreter says \(status)"
      }
    }

    for place in stride(from: 0, to: ProgramWindow.bytes, by: 8) {
      let (left, right) = (machineBytes[place..<place + 8], memory.regions[0].bytes[place..<place + 8])
      if left != right { return "memory at \(place): \(Array(left)), not \(Array(right))" }
    }
    if memory.regions[1].bytes != Self.word(runner.returnAddress) {
      return "the program does not put its return address back"
    }
    for slot in 0..<ProgramWindow.timestampCount {
      let stamp = data.read(1024 + ProgramWindow.bytes + 8 * slot, 8)
      let value = stamp.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      if value != 0, value < start || value > end { return "timestamp \(value) is not in \(start)...\(end)" }
    }
    return compareRegisters(before, after, result, bodyRan)
  }

  /// All registers are as the caller left them for the body, and as the body left them for the caller.
  private func compareRegisters(
    _ before: RegisterValues, _ after: RegisterValues, _ result: RegisterValues, _ bodyRan: Bool
  ) -> String? {
    if after[.rsp] != runner.stackAfter { return "rsp is \(after[.rsp]), not \(runner.stackAfter)" }
    guard bodyRan else { return after.difference(from: before).map { "at the end, " + $0 } }
    let seen = runner.seen
    if seen[.rsp] != runner.frameAddress { return "the body's rsp is \(seen[.rsp])" }
    if let difference = seen.difference(from: before) { return "in the body, " + difference }
    var expected = result
    for register: X86_64.Register in [.rbx, .rbp, .r12, .r13, .r14, .r15] {
      expected[register] = before[register]
    }
    return after.difference(from: expected).map { "after the body, " + $0 }
  }

  private static func word(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  private func threadPointer() -> UInt64 { apus_run_code_thread_pointer() }
}
