import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import Testing

@Suite("x86_64 lowering")
struct X86_64LoweringTests {
  private static let one = ProbeLabel(rawValue: 1)
  private static let two = ProbeLabel(rawValue: 2)
  private static let routine = ProbeSymbol(rawValue: "routine")

  struct Case: Sendable {
    var text: String
    var role: ProbeProgram.Role = .stub
    var instructions: [ProbeInstruction]
    /// As capstone shows it, at address 0.
    var assembly: [String]
  }

  static let cases: [Case] = [
    Case(
      text: "only what is used is saved", instructions: [.constant(.v1, 5), .jumpBody],
      assembly: ["push rcx", "mov ecx, 5", "pop rcx", "jmp 0xc"]),
    Case(
      text: "each side of the body saves its own",
      instructions: [
        .constant(.v1, 0), .callBody, .constant(.v7, 1 << 40), .storeReturnAddress(.v7), .leave,
      ],
      assembly: [
        "push rcx", "xor ecx, ecx", "pop rcx", "lea rsp, [rsp + 8]", "call 0xe", "lea rsp, [rsp - 8]",
        "push r10",
        "movabs r10, 0x10000000000", "mov qword ptr [rsp + 8], r10", "pop r10", "ret",
      ]),
    Case(
      text: "a stub that is entered by a return", role: .returnStub,
      instructions: [.frameAddress(.v2), .storeReturnAddress(.v2), .leave],
      assembly: [
        "lea rsp, [rsp - 8]", "push rdx", "lea rdx, [rsp + 8]", "mov qword ptr [rsp + 8], rdx", "pop rdx",
        "ret",
      ]),
    Case(
      text: "memory operands are folded",
      role: .routine,
      instructions: [
        .arithmetic(.add, .v0, .memory(.init(.v1, 8))), .arithmetic(.multiply, .v0, .memory(.init(.v1))),
        .branch(.below, .v0, .memory(.init(.v1, 16)), one), .localAdd(.init(.v1), .immediate(1)),
        .atomicAdd(.init(.v1), .register(.v0)), .label(one), .returnFromRoutine,
      ],
      assembly: [
        "add rax, qword ptr [rcx + 8]", "imul rax, qword ptr [rcx]", "cmp rax, qword ptr [rcx + 0x10]",
        "jb 0x16",
        "add qword ptr [rcx], 1", "lock add qword ptr [rcx], rax", "ret",
      ]),
    Case(
      text: "comparison with zero", role: .routine,
      instructions: [
        .branch(.equal, .v3, .immediate(0), one), .branch(.aboveOrEqual, .v3, .immediate(0x1000), one),
        .label(one), .returnFromRoutine,
      ],
      assembly: ["test rsi, rsi", "je 0xe", "cmp rsi, 0x1000", "jae 0xe", "ret"]),
    Case(
      text: "compare and exchange through v0", role: .routine,
      instructions: [
        .localCompareExchange(.init(.v1), expected: .v0, desired: .v2, otherwise: one), .label(one),
        .returnFromRoutine,
      ],
      assembly: ["cmpxchg qword ptr [rcx], rdx", "jne 6", "ret"]),
    Case(
      text: "compare and exchange keeps v0", role: .routine,
      instructions: [
        .atomicCompareExchange(.init(.v0), expected: .v1, desired: .v2, otherwise: one), .label(one),
        .returnFromRoutine,
      ],
      assembly: ["xchg rax, rcx", "lock cmpxchg qword ptr [rcx], rdx", "xchg rax, rcx", "jne 0xb", "ret"]),
    Case(
      text: "the shortest timestamp", role: .routine,
      instructions: [.timestamp(.v2, scratch: .v0), .timestamp(.v0, scratch: .v2), .returnFromRoutine],
      assembly: [
        "rdtsc", "shl rdx, 0x20", "or rdx, rax", "rdtsc", "shl rdx, 0x20", "or rax, rdx", "ret",
      ]),
    Case(
      text: "jumps to what follows are left out", role: .routine,
      instructions: [.jump(two), .label(one), .label(two), .returnFromRoutine], assembly: ["ret"]),
    Case(
      text: "routines keep v4 to v7 and call others", role: .routine,
      instructions: [.constant(.v4, 0xffff_ffff_ffff_fffe), .call(routine), .returnFromRoutine],
      assembly: ["push rdi", "mov rdi, -2", "call 0xd", "pop rdi", "ret"]),
    Case(
      text: "arguments come from where they were saved, or from their registers",
      instructions: [.argument(.v4, 0), .argument(.v4, 1), .argument(.v0, 0), .leave],
      assembly: [
        "push rax", "push rdi", "mov rdi, qword ptr [rsp]", "mov rdi, rsi", "mov rax, qword ptr [rsp]",
        "pop rdi",
        "pop rax", "ret",
      ]),
    Case(
      text: "arguments are set where they were saved, or in their registers",
      instructions: [.argument(.v4, 1), .setArgument(0, .v4), .setArgument(1, .v4), .leave],
      assembly: ["push rdi", "mov rdi, rsi", "mov qword ptr [rsp], rdi", "mov rsi, rdi", "pop rdi", "ret"]),
    Case(
      text: "a stop", role: .routine, instructions: [.trap(.loader), .returnFromRoutine],
      assembly: ["int3", "ret"]),
    Case(
      text: "registers for one operation only", role: .stub,
      instructions: [
        .threadPointer(.v1), .localAdd(.init(.v1), .memory(.init(.v1, 8))), .fence, .pause, .leave,
      ],
      assembly: [
        "push rcx", "push r11", "mov rcx, qword ptr fs:[0]", "mov r11, qword ptr [rcx + 8]",
        "add qword ptr [rcx], r11", "lock or qword ptr [rsp], 0", "pause", "pop r11", "pop rcx", "ret",
      ]),
  ]

  @Test("gives this assembly", arguments: cases)
  func golden(_ example: Case) throws {
    let blob = try lower(example.role, example.instructions)
    let text = try X86_64.Decoder().decodeAll(blob.bytes, at: 0).map(\.text)
    #expect(text == example.assembly, "\(example.text)")
  }

  @Test(arguments: [Architecture.x86_64, .arm64, .ppc64le])
  func stopsAreTold(architecture: Architecture) throws {
    let program = ProbeProgram(
      name: "p", role: .routine, instructions: [.constant(.v0, 1), .trap(.end), .returnFromRoutine])
    let blob = try Lowering(architecture).lower(program)
    let trap = try #require(blob.traps.first)
    #expect(blob.traps.count == 1 && trap.reason == .end)
    let code: [Architecture: [UInt8]] = [
      .x86_64: [0xcc], .arm64: [0x00, 0x00, 0x20, 0xd4], .ppc64le: [0x08, 0x00, 0xe0, 0x7f],
    ]
    #expect(Array(blob.bytes[trap.start..<trap.end]) == code[architecture])
  }

  private func lower(_ role: ProbeProgram.Role, _ instructions: [ProbeInstruction]) throws -> CodeBlob {
    try Lowering(.x86_64).lower(ProbeProgram(name: "p", role: role, instructions: instructions))
  }

  @Test("branches are short exactly as long as they reach", arguments: 110...140)
  func relaxation(_ distance: Int) throws {
    // Each addition to memory without a displacement takes 4 bytes, each pause 2.
    var between = [ProbeInstruction](repeating: .localAdd(.init(.v1), .immediate(1)), count: distance / 4)
    if distance % 4 >= 2 { between.append(.pause) }
    let length = distance / 4 * 4 + (distance % 4 >= 2 ? 2 : 0)
    let forward = try lower(
      .routine,
      [.branch(.equal, .v0, .immediate(0), Self.one)] + between + [.label(Self.one), .returnFromRoutine])
    #expect(forward.bytes.count == 3 + (length <= 127 ? 2 : 6) + length + 1)
    #expect(forward.offset(of: Self.one) == forward.bytes.count - 1)
    let backward = try lower(
      .routine,
      [.label(Self.one)] + between + [.branch(.equal, .v0, .immediate(0), Self.one), .returnFromRoutine])
    #expect(backward.bytes.count == length + 3 + (length + 3 + 2 <= 128 ? 2 : 6) + 1)
    let decoded = try X86_64.Decoder().decodeAll(backward.bytes, at: 0)
    #expect(decoded[decoded.count - 2].flow == .branch(.equal, 0))
  }

  @Test("places code and refuses what is out of reach")
  func placement() throws {
    let blob = try lower(.stub, [.call(Self.routine), .callBody, .leave])
    #expect(blob.relocations.count == 2 && blob.returnPoints.count == 1)
    let code = try blob.placed(at: 0x1_0000, body: 0x2_0000) { _ in 0x3_0000 }
    let decoded = try X86_64.Decoder().decodeAll(code, at: 0x1_0000)
    let calls = decoded.filter { if case .call = $0.flow { true } else { false } }
    #expect(calls.map(\.flow) == [.call(0x3_0000), .call(0x2_0000)])
    #expect(calls.last.map { Int($0.next - 0x1_0000) } == blob.returnPoint)
    #expect(throws: LoweringError.undefinedSymbol(program: "p", Self.routine)) {
      try blob.placed(at: 0x1_0000, body: 0x2_0000) { _ in nil }
    }
    #expect {
      try blob.placed(at: 0x1_0000, body: 0x8002_0000) { _ in 0x3_0000 }
    } throws: {
      guard case .outOfRange(_, _, 0x1_0000, 0x8002_0000)? = $0 as? LoweringError else { return false }
      return true
    }
  }

  @Test("constants can be replaced in lowered code")
  func constants() throws {
    func program(_ small: UInt64, _ large: UInt64) -> [ProbeInstruction] {
      [
        .constant(.v1, small), .constant(.v2, large), .arithmetic(.add, .v1, .immediate(Int32(small))),
        .storeConstant(.init(.v1), Int32(small)), .branch(.equal, .v1, .immediate(Int32(small)), Self.one),
        .label(Self.one), .leave,
      ]
    }
    var blob = try lower(.stub, program(0x1234_5678, 0x1234_5678_9abc_def0))
    try blob.replaceConstant(0x1234_5678, with: 0x0765_4321)
    try blob.replaceConstant(0x1234_5678_9abc_def0, with: 0x7777_7777_7777)
    let other = try lower(.stub, program(0x0765_4321, 0x7777_7777_7777))
    #expect(blob.bytes == other.bytes && blob.constantSites == other.constantSites)
    #expect(throws: LoweringError.noSuchConstant(program: "p", value: 0x1234_5678)) {
      try blob.replaceConstant(0x1234_5678, with: 1)
    }
    #expect {
      try blob.replaceConstant(0x0765_4321, with: 1 << 40)
    } throws: {
      guard case .constantDoesNotFit(_, _, 0x100_0000_0000)? = $0 as? LoweringError else { return false }
      return true
    }
  }

  @Test("notes where accesses may fault and where they go on")
  func faults() throws {
    let blob = try lower(
      .routine,
      [
        .loadOrFault(.v0, .init(.v1), Self.one), .storeOrFault(.init(.v1, 8), .v0, Self.two),
        .label(Self.two),
        .returnFromRoutine, .label(Self.one), .constant(.v0, 0), .returnFromRoutine,
      ])
    let expected = [(0, 8), (3, 7)]
    #expect(blob.faultTable.map(\.start) == expected.map(\.0))
    #expect(blob.faultTable.map(\.recovery) == expected.map(\.1))
  }

  @Test("refuses programs that are none")
  func refusals() throws {
    #expect(throws: LoweringError.fallsOffEnd(program: "p")) { try lower(.stub, [.pause]) }
    #expect(throws: LoweringError.label(program: "p", Self.one)) { try lower(.stub, [.jump(Self.one)]) }
    #expect(throws: LoweringError.label(program: "p", Self.one)) {
      try lower(.stub, [.label(Self.one), .label(Self.one), .leave])
    }
    #expect(throws: LoweringError.notAllowed(program: "p", index: 0)) { try lower(.routine, [.leave]) }
    #expect(throws: LoweringError.notAllowed(program: "p", index: 0)) {
      try lower(.stub, [.argument(.v0, 6), .leave])
    }
  }

  @Test("call-frame information is right at every instruction of random programs")
  func callFrameInformation() throws {
    let decoder = try X86_64.Decoder()
    let window = ProgramWindow(start: 0x10_0000)
    for seed in 0..<3000 {
      let role: ProbeProgram.Role = [.stub, .returnStub, .routine][seed % 3]
      var maker = RandomProgram(
        seed: UInt64(seed) << 16, role: role, window: window, elsewhere: 0x20_0000,
        routines: [ProbeSymbol(rawValue: "r")])
      let blob = try Lowering(.x86_64).lower(maker.make("p\(seed)"))
      if let difference = try walk(blob, role, decoder) {
        Issue.record("program \(seed): \(difference)")
        return
      }
    }
  }

  /// Compares the rows with what the instructions do.
  private func walk(_ blob: CodeBlob, _ role: ProbeProgram.Role, _ decoder: X86_64.Decoder) throws -> String?
  {
    let held = CFIRow.ReturnAddress.shadowMap(-8)
    let steps = try decoder.decodeAll(blob.bytes, at: 0).map { instruction in
      let offset = Int(instruction.address)
      let relocation = blob.relocations.first { $0.offset == offset + 1 }
      var step = FrameWalk.Step(offset: offset, size: instruction.count, text: instruction.text)
      step.isFollowed = !instruction.endsPath || blob.isTrap(offset)
      switch instruction.flow {
      case .branch(_, let target): step.targets = [Int(target)]
      case .jump(let target?) where relocation == nil: step.targets = [Int(target)]
      case .jump, .return: step.leaves = true
      case .call where relocation?.target == .body:
        step.callsBody = true
        step.change = { $0.places = [held] }
      default:
        switch (instruction.mnemonic, instruction.operands) {
        case ("push", _): step.change = { $0.cfaOffset += 8 }
        case ("pop", _): step.change = { $0.cfaOffset -= 8 }
        case ("lea", "rsp, [rsp + 8]"):
          step.change = { $0 = .init(cfaOffset: $0.cfaOffset - 8, places: [held]) }
        case ("lea", "rsp, [rsp - 8]"): step.change = { $0.cfaOffset += 8 }
        case ("lea", "rsp, [rsp - 0xb0]"): step.change = { $0.cfaOffset += 0xb0 }
        case ("lea", "rsp, [rsp + 0xb0]"): step.change = { $0.cfaOffset -= 0xb0 }
        case ("pushfq", _): step.change = { $0.cfaOffset += 8 }
        case ("mov", let operands):
          // A store to where the return address belongs.
          step.change = { state in
            let distance = state.cfaOffset - 8
            let place =
              distance == 0 ? "[rsp]" : "[rsp + \(distance < 10 ? "" : "0x")\(String(distance, radix: 16))]"
            if operands.hasPrefix("qword ptr \(place),") { state.places = [.memory(-8)] }
          }
        default: break
        }
      }
      return step
    }
    let entered = CFIRow.ReturnAddress.memory(-8)
    let start =
      role == .returnStub
      ? FrameWalk.State(cfaOffset: 0, places: [held]) : FrameWalk.State(cfaOffset: 8, places: [entered])
    return FrameWalk(start: start, end: .init(cfaOffset: 8, places: [entered])).objection(blob, steps)
  }
}
