import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import Testing

@Suite("arm64 code at work", .serialized)
struct ARM64DifferentialTests {
  /// Random programs, as machine code in an emulator and in the interpreter.
  @Test("100,000 random programs do the same as the interpreter")
  func differential() throws {
    var differential = try Differential()
    for group in 0..<20 {
      guard try differential.run(group: group, batches: 10, programs: 500) else { break }
    }
    #expect(differential.programs == 100_000)
    print(differential.coverage.table)
    #expect(differential.coverage.unknown.isEmpty)
    #expect(differential.coverage.empty.isEmpty, "never ran")
  }
}

private struct Differential {
  let lowering: Lowering
  let machine: ARM64Machine
  let window = ProgramWindow(start: ARM64Machine.window)
  var coverage = Coverage(pushesArguments: false)
  var programs = 0

  init() throws {
    lowering = try Lowering(.arm64)
    machine = try ARM64Machine()
  }

  /// Code for one process.
  private struct Code {
    var bytes: [UInt8] = []
    var faults: [(start: Address, recovery: Address)] = []
    var next: Address { ARM64Machine.code + UInt64(bytes.count) }
  }

  /// A program, what it was run with, and the batch that it is from.
  private struct Case {
    var item: ProgramBatch.Item
    var job: ARM64Machine.Job
    /// The places where the body may return to.
    var returnPoints: [Address]
    var linked: LinkedPrograms
    var index: Int
  }

  /// Generates and lowers several batches and runs them in one process; false if something differed.
  mutating func run(group: Int, batches: Int, programs count: Int) throws -> Bool {
    var code = Code()
    var cases: [Case] = []
    for batch in group * batches..<(group + 1) * batches {
      let programs = try ProgramBatch(batch, programs: count, window: window)
      programs.count(&coverage, argumentRegisters: [])
      let linked = try programs.linked()
      var addresses: [ProbeSymbol: Address] = [:]
      for (symbol, program) in programs.routines {
        addresses[symbol] = try place(program, &code, addresses).address
      }
      for (index, item) in programs.items.enumerated() {
        let (address, returnPoints) = try place(item.program, &code, addresses)
        let job = job(item, address, &code)
        cases.append(
          Case(item: item, job: job, returnPoints: returnPoints, linked: linked, index: index))
      }
    }
    let (threadPointer, outcomes) = try machine.run(cases.map(\.job), code: code.bytes, faults: code.faults)
    for (item, outcome) in zip(cases, outcomes) {
      if let difference = try compare(item, outcome, threadPointer) {
        let program = item.item.program
        let listing = program.instructions.map { "  \($0)" }.joined(separator: "\n")
        Issue.record("\(program.name) (\(program.role)): \(difference)\n\(listing)")
        return false
      }
      programs += 1
    }
    return true
  }

  private func place(
    _ program: ProbeProgram, _ code: inout Code, _ symbols: [ProbeSymbol: Address]
  ) throws -> (address: Address, returnPoints: [Address]) {
    let blob = try lowering.lower(program)
    let place = code.next
    code.bytes += try blob.placed(at: place, body: ARM64Machine.body) { symbols[$0] }
    for entry in blob.faultTable {
      code.faults.append((place + UInt64(entry.start), place + UInt64(entry.recovery)))
    }
    return (place, blob.returnPoints.map { place + UInt64($0) })
  }

  /// What to run a program with. The emulated process goes through x17, which a few instructions then set.
  private func job(_ item: ProgramBatch.Item, _ address: Address, _ code: inout Code) -> ARM64Machine.Job {
    var random = Randomness(seed: item.seed ^ 0x5eed)
    var before = ARM64RegisterValues(&random)
    before[.x30] = ARM64Machine.returnAddress
    before[.sp] = ARM64Machine.frameAddress
    let result = ARM64RegisterValues(&random)
    let bytes = (0..<(ProgramWindow.bytes / 8)).flatMap { _ in word(random.next()) }
    let entry = code.next
    var encoder = ARM64.Encoder()
    encoder.constant(.x17, before[.x17])
    encoder.jump(Int(Int64(bitPattern: address &- entry)) - encoder.count)
    code.bytes += encoder.bytes
    return ARM64Machine.Job(entry: entry, registers: before, result: result, window: bytes)
  }

  /// What differs, or nil.
  private mutating func compare(
    _ item: Case, _ outcome: ARM64Machine.Outcome, _ threadPointer: UInt64
  ) throws -> String? {
    let before = item.job.registers
    let reference: ReferenceRun
    do {
      reference = try ReferenceRun(
        item.index, of: item.linked, routines: 4,
        .init(
          window: window, bytes: item.job.window, frameAddress: ARM64Machine.frameAddress,
          returnAddress: ARM64Machine.returnAddress, threadPointer: threadPointer,
          arguments: [before[.x0], before[.x1], before[.x2], before[.x3], before[.x4], before[.x5]]),
        &coverage)
    } catch let failure as ReferenceFailure {
      return failure.description
    }
    if let difference = reference.difference(outcome.window) { return difference }
    for value in outcome.timestamps where value != 0 && (value < outcome.before || value > outcome.after) {
      return "timestamp \(value) is not in \(outcome.before)...\(outcome.after)"
    }
    return compareRegisters(item, outcome, reference.bodyRan)
  }

  /// All registers are as the caller left them for the body, and as the body left them for the caller.
  private func compareRegisters(
    _ item: Case, _ outcome: ARM64Machine.Outcome, _ bodyRan: Bool
  ) -> String? {
    let before = item.job.registers
    guard outcome.bodyRan == bodyRan else { return bodyRan ? "the body did not run" : "the body ran" }
    guard bodyRan else { return outcome.end.difference(from: before).map { "at the end, " + $0 } }
    var expected = before
    // Called, the body returns to the stub; jumped to, to the stub's caller.
    if item.returnPoints.contains(outcome.seen[.x30]) { expected[.x30] = outcome.seen[.x30] }
    if !item.returnPoints.isEmpty, expected[.x30] == before[.x30] { return "the body was not called" }
    if let difference = outcome.seen.difference(from: expected) { return "in the body, " + difference }
    expected = item.job.result
    for number in 18...29 { expected.words[number] = before.words[number] }
    expected[.x30] = before[.x30]
    expected[.sp] = before[.sp]
    return outcome.end.difference(from: expected).map { "after the body, " + $0 }
  }
}
