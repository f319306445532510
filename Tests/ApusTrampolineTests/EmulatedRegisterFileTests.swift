import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import TestSupport
import Testing

@Suite("The register file in emulated processes")
struct EmulatedRegisterFileTests {
  @Test("arm64: every register is recorded by name, and is unchanged afterwards")
  func arm64() throws {
    // The flags after a comparison of equal values.
    var compare = ARM64.Encoder()
    compare.compare(.x0, .x0)
    try check(ARM64RegisterValues.self, prelude: compare.bytes) { $0 == "pstate" ? 0x6000_0000 : nil }
  }

  @Test("ppc64le: every register is recorded by name, and is unchanged afterwards")
  func ppc64le() throws { try check(PPC64LERegisterValues.self, prelude: []) { _ in nil } }

  @Test("arm64: a handler's program counter is followed", arguments: [true, false])
  func arm64Redirection(_ changes: Bool) throws {
    // x17 has the address.
    try redirect(ARM64RegisterValues.self, changes, changed: [17])
  }

  @Test("ppc64le: a handler's program counter is followed", arguments: [true, false])
  func ppc64leRedirection(_ changes: Bool) throws {
    // r12 and CTR have it.
    try redirect(PPC64LERegisterValues.self, changes, changed: [12, 33])
  }

  /// A handler that sets the program counter leads to what is there; another to the body. Where it must not go is no code.
  private func redirect<Registers: MachineRegisters>(
    _ type: Registers.Type, _ changes: Bool, changed: [Int]
  ) throws {
    let layout = RegisterFileLayout(Registers.architecture)
    let machine = try EmulatedMachine<Registers>()
    let lowering = Lowering(Registers.architecture)
    let symbol = ProbeSymbol(rawValue: "handler")
    let handler = redirectingHandler(layout, to: changes ? EmulatedPlaces.body : nil)
    try handler.check()
    var code = try lowering.lower(handler).placed(at: EmulatedPlaces.code, body: 0) { _ in nil }
    code += [UInt8](repeating: 0, count: -code.count & 63)
    let wrong = EmulatedPlaces.code + UInt64(code.count)
    code += [UInt8](repeating: 0, count: 64)
    let stub = EmulatedPlaces.code + UInt64(code.count)
    let program = ProbeProgram.handlerStub(
      site: 0x1234_5678, handler: symbol, registers: RegisterRecord(layout))
    try program.check()
    code += try lowering.lower(program).placed(at: stub, body: changes ? wrong : EmulatedPlaces.body) {
      _ in EmulatedPlaces.code
    }
    var random = Randomness(seed: 4)
    var before = Registers(&random)
    before.prepareToEnter(stack: EmulatedPlaces.frameAddress, returnAddress: EmulatedPlaces.returnAddress)
    let start = EmulatedPlaces.code + UInt64(code.count)
    let entry = before.entry(of: stub, at: start)
    code += entry
    let job = EmulatedMachine<Registers>.Job(
      entry: entry.isEmpty ? stub : start, registers: before, result: Registers(&random),
      window: [UInt8](repeating: 0, count: ProgramWindow.bytes))
    let (threadPointer, outcomes) = try machine.run([job], code: code, faults: [])
    let outcome = try #require(outcomes.first)
    #expect(outcome.bodyRan)
    var expected = before.entered(threadPointer: threadPointer)
    if changes { for index in changed { expected.words[index] = EmulatedPlaces.body } }
    #expect(outcome.seen.difference(from: expected) == nil)
  }

  /// - Parameters:
  ///   - prelude: what runs before the stub.
  ///   - other: the values of words that the registers do not tell.
  private func check<Registers: MachineRegisters>(
    _ type: Registers.Type, prelude: [UInt8], other: (String) -> UInt64?
  ) throws {
    let layout = RegisterFileLayout(Registers.architecture)
    let machine = try EmulatedMachine<Registers>()
    var code: [UInt8] = []
    var jobs: [EmulatedMachine<Registers>.Job] = []
    for round in 0..<16 {
      let program = registerFileProgram(
        layout, window: EmulatedPlaces.window, callsBody: Registers.link != 32 && round % 2 == 1)
      try program.check()
      let stub = EmulatedPlaces.code + UInt64(code.count)
      code += try Lowering(Registers.architecture).lower(program)
        .placed(at: stub, body: EmulatedPlaces.body) { _ in nil }
      var random = Randomness(seed: UInt64(round) + 77)
      var before = Registers(&random)
      before.prepareToEnter(
        stack: EmulatedPlaces.frameAddress, returnAddress: EmulatedPlaces.returnAddress)
      let start = EmulatedPlaces.code + UInt64(code.count)
      code += prelude
      let entry = before.entry(of: stub, at: start + UInt64(prelude.count))
      code += entry
      jobs.append(
        .init(
          entry: entry.isEmpty && prelude.isEmpty ? stub : start, registers: before,
          result: Registers(&random), window: [UInt8](repeating: 0, count: ProgramWindow.bytes)))
    }
    let (threadPointer, outcomes) = try machine.run(jobs, code: code, faults: [])
    for (job, outcome) in zip(jobs, outcomes) {
      let before = job.registers.entered(threadPointer: threadPointer)
      #expect(outcome.bodyRan)
      var expected = before
      let link = outcome.seen.words[Registers.link]
      if link >= EmulatedPlaces.code { expected.words[Registers.link] = link }
      #expect(outcome.seen.difference(from: expected) == nil)
      #expect(outcome.end.difference(from: before.returned(job.result)) == nil)
      #expect(before.registerFileWords.count == layout.recorded)
      for (index, word) in before.registerFileWords.enumerated() {
        let name = layout.names[index]
        let bytes = outcome.window[(8 * index)...].prefix(8)
        let found = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(found == word ?? other(name), "\(name)")
      }
    }
  }
}
