import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import TestSupport
import Testing

extension X86_64ExecutionTests {
  @Test("A handler's program counter is followed", arguments: [true, false])
  func redirection(_ changes: Bool) throws {
    let runner = try CodeRunner()
    let arena = try CodeArena(size: 1 << 16)
    let body = try arena.appendJump(to: runner.body)
    let wrong = try arena.append([0x0f, 0x0b])
    let symbol = ProbeSymbol(rawValue: "handler")
    let handler = redirectingHandler(X86_64.registerFile, to: changes ? body : nil)
    try handler.check()
    let routine = try arena.append(
      Lowering(.x86_64).lower(handler).placed(at: arena.next, body: 0) { _ in nil })
    let program = ProbeProgram.handlerStub(
      site: 0x1234_5678, handler: symbol, registers: RegisterRecord(X86_64.registerFile))
    try program.check()
    let stub = try arena.append(
      Lowering(.x86_64).lower(program).placed(at: arena.next, body: changes ? wrong : body) { _ in routine })
    try arena.seal()
    var random = Randomness(seed: 4)
    let before = RegisterValues(&random)
    runner.setResult(RegisterValues(&random))
    let after = runner.run(stub, before)
    #expect(runner.seen.difference(from: before) == nil)
    #expect(runner.seen[.rsp] == runner.frameAddress)
    #expect(after[.rsp] == runner.stackAfter)
  }

  @Test("A stub without a register file may go elsewhere too")
  func jumpAddress() throws {
    let runner = try CodeRunner()
    let arena = try CodeArena(size: 1 << 16)
    let body = try arena.appendJump(to: runner.body)
    var b = ProgramBuilder()
    for register in ProbeRegister.all { b.constant(register, body) }
    b.emit(.jumpAddress(.v5))
    let program = b.program("jump", .stub)
    try program.check()
    let stub = try arena.append(
      Lowering(.x86_64).lower(program).placed(at: arena.next, body: 0) { _ in nil })
    try arena.seal()
    var random = Randomness(seed: 9)
    let before = RegisterValues(&random)
    runner.setResult(RegisterValues(&random))
    _ = runner.run(stub, before)
    #expect(runner.seen.difference(from: before) == nil)
  }

  @Test("Every register is recorded by name, and is unchanged afterwards", arguments: 0..<16)
  func registerFile(_ round: Int) throws {
    let layout = X86_64.registerFile
    let runner = try CodeRunner()
    let data = try CodeArena(size: 4096)
    let callsBody = round % 2 == 1
    let program = registerFileProgram(layout, window: data.start, callsBody: callsBody)
    try program.check()
    let arena = try CodeArena(size: 1 << 16)
    let body = try arena.appendJump(to: runner.body)
    let stub = try arena.append(
      Lowering(.x86_64).lower(program).placed(at: arena.next, body: body) { _ in nil })
    // The flags after a comparison of equal values: zero and parity, interrupts enabled, and the bit that is always set.
    var prelude = X86_64.Encoder()
    prelude.arithmetic(.compare, .rax, .rax)
    let end = arena.next + UInt64(prelude.count + 5)
    prelude.jump(near: Int32(truncatingIfNeeded: Int64(bitPattern: stub &- end)))
    let entry = try arena.append(prelude.bytes)
    try arena.seal()
    var random = Randomness(seed: UInt64(round) + 5)
    let before = RegisterValues(&random)
    let result = RegisterValues(&random)
    runner.setResult(result)
    let after = runner.run(entry, before)

    #expect(runner.seen.difference(from: before) == nil)
    #expect(runner.seen[.rsp] == runner.frameAddress)
    #expect(after[.rsp] == runner.stackAfter)
    let general = before.registerFileWords
    #expect(general.count == 15)
    let special: [X86_64.RegisterFileSlot: UInt64] = [
      .orig_rax: .max, .rip: 0, .cs: 0x33, .eflags: 0x246, .rsp: runner.frameAddress, .ss: 0x2b,
    ]
    for slot in X86_64.RegisterFileSlot.allCases.prefix(layout.recorded) {
      let bytes = data.read(slot.rawValue * 8, 8)
      let found = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      #expect(found == (slot.rawValue < 15 ? general[slot.rawValue] : special[slot]), "\(slot)")
    }
  }
}
