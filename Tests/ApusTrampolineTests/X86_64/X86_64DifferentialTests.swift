import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import CApusLinux
import TestSupport
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
  var coverage = Coverage(pushesArguments: true)
  var programs = 0

  init() throws {
    lowering = Lowering(.x86_64)
    runner = try CodeRunner()
    data = try CodeArena(size: 4096)
    window = ProgramWindow(start: data.start + 1024)
  }

  /// One stub, ready to run.
  private struct Case {
    var item: ProgramBatch.Item
    var entry: Address
    /// Where its traps and those of its routines are.
    var traps: PlacedTraps
  }

  /// Generates, lowers and runs a batch; false if something differed.
  mutating func run(batch: Int, programs count: Int) throws -> Bool {
    let arena = try CodeArena(size: 1 << 20)
    let body = try arena.appendJump(to: runner.body)
    var faults: [(start: Address, recovery: Address)] = []
    var addresses: [ProbeSymbol: Address] = [:]
    let programs = try ProgramBatch(
      batch, programs: count, window: window, elsewhere: runner.elsewhere,
      argumentRegisters: [.v4, .v3, .v2, .v1, .v5, .v6])
    programs.count(&coverage)
    var routineTraps = PlacedTraps()
    for (symbol, program) in programs.routines {
      addresses[symbol] = try place(program, arena, body, addresses, &faults, &routineTraps)
    }
    var cases: [Case] = []
    for item in programs.items {
      var traps = routineTraps
      var entry = try place(item.program, arena, body, addresses, &faults, &traps)
      if item.program.role == .returnStub {
        // It is entered by a return: the return address is off the stack.
        var code = X86_64.Encoder()
        code.loadEffectiveAddress(.rsp, .init(.rsp, 8))
        let end = arena.next + UInt64(code.count + 5)
        code.jump(near: Int32(truncatingIfNeeded: Int64(bitPattern: entry &- end)))
        entry = try arena.append(code.bytes)
      }
      cases.append(Case(item: item, entry: entry, traps: traps))
    }
    try arena.seal()
    try runner.setFaults(faults)
    let linked = try programs.linked()
    for (index, item) in cases.enumerated() {
      if let difference = try compare(item, linked, index) {
        let program = item.item.program
        let listing = program.instructions.map { "  \($0)" }.joined(separator: "\n")
        Issue.record("\(program.name) (\(program.role)): \(difference)\n\(listing)")
        return false
      }
      self.programs += 1
    }
    return true
  }

  private func place(
    _ program: ProbeProgram, _ arena: CodeArena, _ body: Address, _ symbols: [ProbeSymbol: Address],
    _ faults: inout [(start: Address, recovery: Address)], _ traps: inout PlacedTraps
  ) throws -> Address {
    let blob = try lowering.lower(program)
    let place = try arena.append(blob.placed(at: arena.next, body: body) { symbols[$0] })
    for entry in blob.faultTable {
      faults.append((place + UInt64(entry.start), place + UInt64(entry.recovery)))
    }
    try traps.add(program, blob, at: place, &faults)
    return place
  }

  /// What differs, or nil.
  private mutating func compare(_ item: Case, _ linked: LinkedPrograms, _ index: Int) throws -> String? {
    var random = Randomness(seed: item.item.seed ^ 0x5eed)
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

    let reference = try ReferenceRun(
      index, of: linked, routines: 4,
      .init(
        window: window, bytes: bytes, frameAddress: runner.frameAddress, returnAddress: runner.returnAddress,
        threadPointer: apus_run_code_thread_pointer(),
        arguments: [
          before[.rdi], before[.rsi], before[.rdx], before[.rcx], before[.r8], before[.r9],
        ],
        registerFile: (
          runner.frameAddress - UInt64(X86_64.registerFile.frameBytes), before.registerFileWords
        ), elsewhere: runner.elsewhere, pushedArguments: item.item.pushedArguments), &coverage)
    if let difference = reference.difference(machineBytes) { return difference }
    for slot in 0..<ProgramWindow.timestampCount {
      let stamp = data.read(1024 + ProgramWindow.bytes + 8 * slot, 8)
      let value = stamp.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      if value != 0, value < start || value > end { return "timestamp \(value) is not in \(start)...\(end)" }
    }
    guard runner.entered == reference.entered else {
      let entered = runner.entered.map { "\($0)" } ?? "somewhere"
      return "the body was entered: \(entered), not \(reference.entered)"
    }
    guard runner.trapped == item.traps.digest(reference.traps) else {
      return "not the traps of \(reference.traps)"
    }
    return compareRegisters(before, after, result, reference)
  }

  /// All registers are as the caller left them for the body, but for arguments that were set, and as the body left them for
  /// the caller.
  private func compareRegisters(
    _ before: RegisterValues, _ after: RegisterValues, _ result: RegisterValues, _ reference: ReferenceRun
  ) -> String? {
    if after[.rsp] != runner.stackAfter { return "rsp is \(after[.rsp]), not \(runner.stackAfter)" }
    guard reference.entered != .none else {
      return after.difference(from: before).map { "at the end, " + $0 }
    }
    let seen = runner.seen
    if seen[.rsp] != runner.frameAddress { return "the body's rsp is \(seen[.rsp])" }
    var found = before
    for (index, register) in X86_64.Register.arguments.enumerated() {
      found[register] = reference.arguments[index]
    }
    if let difference = seen.difference(from: found) { return "in the body, " + difference }
    var expected = result
    for register: X86_64.Register in [.rbx, .rbp, .r12, .r13, .r14, .r15] {
      expected[register] = before[register]
    }
    return after.difference(from: expected).map { "after the body, " + $0 }
  }
}
