import ApusCore
import ApusProbe
import ApusTrampoline
import TestSupport
import Testing

/// Random programs, as machine code in an emulator and in the interpreter.
struct EmulatedDifferential<Registers: MachineRegisters> {
  private typealias Machine = EmulatedMachine<Registers>

  private let lowering = Lowering(Registers.architecture)
  private let machine: Machine
  private let window = ProgramWindow(start: EmulatedPlaces.window)
  private(set) var coverage = Coverage(
    pushesArguments: !Registers.argumentRegisters.isEmpty, sharesStubs: Registers.sharedSite != nil,
    jumpRegister: Registers.jumpRegisters.first.map(Registers.name))
  private(set) var programs = 0

  init() throws { machine = try Machine() }

  /// Code for one process.
  private struct Code {
    var bytes: [UInt8] = []
    var faults: [(start: Address, recovery: Address)] = []
    var next: Address { EmulatedPlaces.code + UInt64(bytes.count) }
  }

  /// A program, what it was run with, and the batch that it is from.
  private struct Case {
    var item: ProgramBatch.Item
    var job: Machine.Job
    /// The places where the body may return to.
    var returnPoints: [Address]
    /// Where its traps and those of its routines are.
    var traps: PlacedTraps
    /// Of a shared stub: the address of its site's body, and the pointer to its ops.
    var shared: (body: Address, ops: UInt64)?
    var linked: LinkedPrograms
    var index: Int
  }

  /// Generates and lowers several batches and runs them in one process; false if something differed.
  mutating func run(group: Int, batches: Int, programs count: Int) throws -> Bool {
    var code = Code()
    var cases: [Case] = []
    for batch in group * batches..<(group + 1) * batches {
      let programs = try ProgramBatch(
        batch, programs: count, window: window, elsewhere: EmulatedPlaces.elsewhere,
        argumentRegisters: Registers.argumentRegisters, sharesStubs: Registers.sharedSite != nil)
      programs.count(&coverage)
      let linked = try programs.linked()
      var addresses: [ProbeSymbol: Address] = [:]
      var routineTraps = PlacedTraps()
      for (symbol, program) in programs.routines {
        addresses[symbol] = try place(program, &code, &routineTraps, addresses).address
      }
      for (index, item) in programs.items.enumerated() {
        var traps = routineTraps
        let (address, returnPoints) = try place(item.program, &code, &traps, addresses)
        var entry = address
        var shared: (body: Address, ops: UInt64)?
        if item.program.role.isShared, let site = Registers.sharedSite {
          (entry, shared) = place(site, of: address, item.seed, &code)
        }
        let job = job(item, entry, &code)
        cases.append(
          Case(
            item: item, job: job, returnPoints: returnPoints, traps: traps, shared: shared, linked: linked,
            index: index)
        )
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
    _ program: ProbeProgram, _ code: inout Code, _ traps: inout PlacedTraps,
    _ symbols: [ProbeSymbol: Address]
  ) throws -> (address: Address, returnPoints: [Address]) {
    let blob = try lowering.lower(program)
    let place = code.next
    code.bytes += try blob.placed(at: place, body: EmulatedPlaces.body) { symbols[$0] }
    for entry in blob.faultTable {
      code.faults.append((place + UInt64(entry.start), place + UInt64(entry.recovery)))
    }
    try traps.add(program, blob, at: place, &code.faults)
    return (place, blob.returnPoints.map { place + UInt64($0) })
  }

  /// A call site that leads to a shared stub, with the pointer to its ops before it; its address and what the stub finds.
  private func place(
    _ site: SharedSite, of stub: Address, _ seed: UInt64, _ code: inout Code
  ) -> (site: Address, shared: (body: Address, ops: UInt64)) {
    code.bytes += [UInt8](repeating: 0, count: -code.bytes.count & 7)
    var random = Randomness(seed: seed ^ 0x0905)
    let ops = random.next()
    let padding = SharedSite.opsDistance - 8 - site.bodyOffset
    code.bytes += word(ops) + [UInt8](repeating: 0, count: padding)
    let place = code.next
    code.bytes += site.code(place, stub, EmulatedPlaces.body)
    return (place, (place + UInt64(site.bodyOffset), ops))
  }

  /// What to run a program with.
  private func job(_ item: ProgramBatch.Item, _ address: Address, _ code: inout Code) -> Machine.Job {
    var random = Randomness(seed: item.seed ^ 0x5eed)
    var before = Registers(&random)
    before.prepareToEnter(stack: EmulatedPlaces.frameAddress, returnAddress: EmulatedPlaces.returnAddress)
    let result = Registers(&random)
    let bytes = (0..<(ProgramWindow.bytes / 8)).flatMap { _ in word(random.next()) }
    let entry = code.next
    let prelude = before.entry(of: address, at: entry)
    code.bytes += prelude
    return Machine.Job(
      entry: prelude.isEmpty ? address : entry, registers: before, result: result, window: bytes)
  }

  /// What differs, or nil.
  private mutating func compare(
    _ item: Case, _ outcome: Machine.Outcome, _ threadPointer: UInt64
  ) throws -> String? {
    let before = item.job.registers.entered(threadPointer: threadPointer)
    let reference: ReferenceRun
    do {
      reference = try ReferenceRun(
        item.index, of: item.linked, routines: 4,
        .init(
          window: window, bytes: item.job.window, frameAddress: EmulatedPlaces.frameAddress,
          returnAddress: EmulatedPlaces.returnAddress, threadPointer: threadPointer,
          arguments: before.arguments,
          registerFile: (EmulatedPlaces.registerFile(Registers.architecture), before.registerFile),
          elsewhere: EmulatedPlaces.elsewhere, pushedArguments: item.item.pushedArguments,
          siteOps: item.shared?.ops ?? 0),
        &coverage)
    } catch let failure as ReferenceFailure {
      return failure.description
    }
    if let difference = reference.difference(outcome.window) { return difference }
    for value in outcome.timestamps where value != 0 && (value < outcome.before || value > outcome.after) {
      return "timestamp \(value) is not in \(outcome.before)...\(outcome.after)"
    }
    guard outcome.entered == reference.entered else {
      return "the body was entered: \(outcome.entered), not \(reference.entered)"
    }
    guard outcome.trapped == item.traps.digest(reference.traps) else {
      return "not the traps of \(reference.traps)"
    }
    if reference.entered == .elsewhere, let register = Registers.jumpRegisters.first {
      let kept = try Registers.keepsJumpRegister(item.item.program)
      coverage.count("jumpAddress \(Registers.name(register)) \(kept ? "kept" : "free")")
    }
    return compareRegisters(item, outcome, before, reference.arguments)
  }

  /// All registers are as the caller left them for the body, but for arguments that were set and the registers that have the
  /// address of what is jumped to; and as the body left them for the caller.
  private func compareRegisters(
    _ item: Case, _ outcome: Machine.Outcome, _ before: Registers, _ arguments: InlineArray<6, UInt64>
  ) -> String? {
    var before = before
    if let body = item.shared?.body, let register = Registers.sharedSite?.register {
      before.words[register] = body
    }
    guard outcome.bodyRan else { return outcome.end.difference(from: before).map { "at the end, " + $0 } }
    var expected = before
    expected.arguments = arguments
    if outcome.entered == .elsewhere {
      for register in Registers.jumpRegisters { expected.words[register] = EmulatedPlaces.elsewhere }
    }
    // Called, the body returns to the stub; jumped to, to the stub's caller.
    let found = outcome.seen.words[Registers.link]
    if item.returnPoints.contains(found) { expected.words[Registers.link] = found }
    if !item.returnPoints.isEmpty, expected.words[Registers.link] == before.words[Registers.link] {
      return "the body was not called"
    }
    if let difference = outcome.seen.difference(from: expected) { return "in the body, " + difference }
    return outcome.end.difference(from: before.returned(item.job.result)).map { "after the body, " + $0 }
  }
}
