import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import TestSupport
import Testing

@Suite("ppc64le lowering")
struct PPC64LELoweringTests {
  private static let one = ProbeLabel(rawValue: 1)
  private static let two = ProbeLabel(rawValue: 2)
  private static let routine = ProbeSymbol(rawValue: "routine")

  struct Case: Sendable {
    var text: String
    var role: ProbeProgram.Role = .stub
    var instructions: [ProbeInstruction]
    /// For the assembler; branches out of the program go nowhere yet.
    var assembly: [String]
  }

  static let cases: [Case] = [
    Case(
      text: "only what is used is saved", instructions: [.constant(.v1, 5), .jumpBody],
      assembly: ["std 11, -8(1)", "li 11, 5", "ld 11, -8(1)", "b ."]),
    Case(
      text: "each side of the body saves its own",
      instructions: [
        .constant(.v1, 0), .callBody, .constant(.v7, 1 << 40), .storeReturnAddress(.v7), .leave,
      ],
      assembly: [
        "std 11, -8(1)", "li 11, 0", "ld 11, -8(1)", "bl .", "std 8, -8(1)", "li 8, 256", "sldi 8, 8, 32",
        "mtlr 8", "ld 8, -8(1)", "blr",
      ]),
    Case(
      text: "a stub that is entered by a return", role: .returnStub,
      instructions: [.frameAddress(.v2), .storeReturnAddress(.v2), .leave],
      assembly: ["std 3, -8(1)", "mr 3, 1", "mtlr 3", "ld 3, -8(1)", "blr"]),
    Case(
      text: "memory operands, local and atomic operations", role: .routine,
      instructions: [
        .arithmetic(.add, .v0, .memory(.init(.v1, 8))), .branch(.below, .v0, .memory(.init(.v1, 16)), one),
        .localAdd(.init(.v1), .immediate(1)), .atomicAdd(.init(.v1), .register(.v0)), .label(one),
        .returnFromRoutine,
      ],
      assembly: [
        "ld 10, 8(11)", "add 12, 12, 10", "ld 10, 16(11)", "cmpld 12, 10", "blt .+44", "ldarx 10, 0, 11",
        "addi 10, 10, 1", "stdcx. 10, 0, 11", "bne .-12", "sync", "ldarx 10, 0, 11", "add 10, 10, 12",
        "stdcx. 10, 0, 11", "bne .-12", "sync", "blr",
      ]),
    Case(
      text: "compare and exchange", role: .routine,
      instructions: [
        .localCompareExchange(.init(.v1), expected: .v0, desired: .v2, otherwise: one),
        .atomicCompareExchange(.init(.v1, 8), expected: .v0, desired: .v2, otherwise: one), .label(one),
        .returnFromRoutine,
      ],
      assembly: [
        "lwsync", "ldarx 10, 0, 11", "cmpld 10, 12", "bne .+12", "stdcx. 3, 0, 11", "bne .-16", "bne .+40",
        "addi 9, 11, 8", "sync", "ldarx 10, 0, 9", "cmpld 10, 12", "bne .+12", "stdcx. 3, 0, 9", "bne .-16",
        "sync", "bne .+4", "blr",
      ]),
    Case(
      text: "far and odd places", role: .routine,
      instructions: [
        .load(.v0, .init(.v1, 0x12_3458), .eight), .store(.init(.v1, 0x12_3460), .v0, .eight),
        .store(.init(.v1, 3), .v0, .eight), .store(.init(.v1, 3), .v0, .four),
        .load(.v2, .init(.v1, .max - 7), .eight), .load(.v3, .init(.v1, .min), .one),
        .storeRelease(.init(.v1, 0x12_3460), .v0), .label(one), .loadAcquire(.v1, .init(.v1, 0x12_3460)),
        .returnFromRoutine,
      ],
      assembly: [
        "addis 9, 11, 0x12", "ld 12, 0x3458(9)", "std 12, 0x3460(9)", "addi 9, 11, 3", "std 12, 0(9)",
        "stw 12, 3(11)", "addis 9, 11, 0x4000", "addis 9, 9, 0x4000", "ld 3, -8(9)", "addis 9, 11, -0x8000",
        "lbz 4, 0(9)", "addis 9, 11, 0x12", "lwsync", "std 12, 0x3460(9)", "addis 9, 11, 0x12",
        "ld 11, 0x3460(9)", "lwsync", "blr",
      ]),
    Case(
      text: "immediates of all kinds", role: .routine,
      instructions: [
        .arithmetic(.and, .v0, .immediate(0x3f_ff80)), .arithmetic(.and, .v0, .immediate(-4096)),
        .arithmetic(.and, .v0, .immediate(0x5a5a)), .arithmetic(.or, .v0, .immediate(0x1_0002)),
        .arithmetic(.exclusiveOr, .v0, .immediate(-1)), .arithmetic(.add, .v0, .immediate(0x1_8000)),
        .arithmetic(.subtract, .v0, .immediate(8)), .arithmetic(.multiply, .v0, .immediate(-3)),
        .addShifted(.v0, .v1, 2), .shiftLeft(.v0, 26), .shiftRight(.v0, 33), .returnFromRoutine,
      ],
      assembly: [
        "rlwinm 12, 12, 0, 10, 24", "rldicr 12, 12, 0, 51", "li 10, 0x5a5a", "and 12, 12, 10",
        "oris 12, 12, 1", "ori 12, 12, 2", "li 10, -1", "xor 12, 12, 10", "addis 12, 12, 2",
        "addi 12, 12, -0x8000", "addi 12, 12, -8", "mulli 12, 12, -3", "sldi 10, 11, 2", "add 12, 12, 10",
        "sldi 12, 12, 26", "srdi 12, 12, 33", "blr",
      ]),
    Case(
      text: "calls of routines", instructions: [.call(routine), .jumpBody],
      assembly: [
        "std 12, -8(1)", "std 11, -16(1)", "std 3, -24(1)", "std 4, -32(1)", "std 9, -40(1)",
        "std 10, -48(1)", "mfocrf 12, 128", "std 12, -56(1)", "mflr 9", "std 9, -64(1)", "stdu 1, -80(1)",
        "bl .", "addi 1, 1, 80", "ld 9, -64(1)", "mtlr 9", "ld 12, -56(1)", "mtocrf 128, 12",
        "ld 12, -8(1)", "ld 11, -16(1)", "ld 3, -24(1)", "ld 4, -32(1)", "ld 9, -40(1)", "ld 10, -48(1)",
        "b .",
      ]),
    Case(
      text: "arguments come from where they were saved, or from their registers",
      instructions: [.argument(.v2, 1), .argument(.v0, 0), .leave],
      assembly: [
        "std 12, -8(1)", "std 3, -16(1)", "mr 3, 4", "ld 12, -16(1)", "ld 12, -8(1)", "ld 3, -16(1)", "blr",
      ]),
    Case(
      text: "arguments are set where they were saved, or in their registers",
      instructions: [.argument(.v2, 1), .setArgument(0, .v2), .setArgument(1, .v2), .leave],
      assembly: ["std 3, -8(1)", "mr 3, 4", "std 3, -8(1)", "mr 4, 3", "ld 3, -8(1)", "blr"]),
    Case(
      text: "registers for one operation only", role: .routine,
      instructions: [
        .threadPointer(.v1), .timestamp(.v2, scratch: .v0), .localAdd(.init(.v1), .memory(.init(.v1, 8))),
        .fence, .pause, .returnFromRoutine,
      ],
      assembly: [
        "std 0, -8(1)", "mr 11, 13", "mfspr 3, 268", "ld 0, 8(11)", "ldarx 10, 0, 11", "add 10, 10, 0",
        "stdcx. 10, 0, 11", "bne .-12", "sync", "or 27, 27, 27", "ld 0, -8(1)", "blr",
      ]),
    Case(
      text: "a stop", role: .routine, instructions: [.trap(.room), .returnFromRoutine],
      assembly: ["trap", "blr"]),
    Case(
      text: "hints of stores that cost little",
      instructions: [
        .prefetchForStore(.init(.v1)), .prefetchForStore(.init(.v1, 64)),
        .arithmetic(.and, .v1, .memory(.init(.v1))), .prefetchForStore(.init(.v1, 1 << 20)), .leave,
      ],
      assembly: [
        "std 11, -8(1)", "std 10, -16(1)", "dcbtst 0, 11", "li 10, 64", "dcbtst 11, 10", "ld 10, 0(11)",
        "and 11, 11, 10", "ld 11, -8(1)", "ld 10, -16(1)", "blr",
      ]),
    Case(
      text: "hints that would need a register", instructions: [.prefetchForStore(.init(.v1, 64)), .leave],
      assembly: ["std 11, -8(1)", "ld 11, -8(1)", "blr"]),
    Case(
      text: "jumps to what follows are left out", role: .routine,
      instructions: [.jump(two), .label(one), .label(two), .returnFromRoutine], assembly: ["blr"]),
  ]

  @Test("gives the assembly in the table")
  func golden() throws {
    let assembled = try Scratch.assemble(
      Self.cases.map { $0.assembly.joined(separator: "\n") }, (PPC64LERegisterValues.tools, "-mpower8"))
    try #require(assembled.count == Self.cases.count)
    for (example, theirs) in zip(Self.cases, assembled) {
      let blob = try lower(example.role, example.instructions)
      #expect(words(blob.bytes) == words(theirs), "\(example.text)")
    }
  }

  private func words(_ bytes: [UInt8]) -> [String] {
    stride(from: 0, to: bytes.count, by: 4).map { place in
      String((0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }, radix: 16)
    }
  }

  private func lower(_ role: ProbeProgram.Role, _ instructions: [ProbeInstruction]) throws -> CodeBlob {
    try Lowering(.ppc64le).lower(ProbeProgram(name: "p", role: role, instructions: instructions))
  }

  @Test("branches are short exactly as long as they reach", arguments: 8188...8193)
  func relaxation(_ count: Int) throws {
    let between = [ProbeInstruction](repeating: .pause, count: count)
    let forward = try lower(
      .routine,
      [.branch(.equal, .v0, .immediate(0), Self.one)] + between + [.label(Self.one), .returnFromRoutine])
    let isShort = 4 + 4 * count < 0x8000
    #expect(forward.bytes.count == 4 + (isShort ? 4 : 8) + 4 * count + 4)
    #expect(forward.offset(of: Self.one) == forward.bytes.count - 4)
    let code = try PPC64LE.Decoder().decodeAll(forward.bytes, at: 0)
    let end = UInt64(forward.bytes.count - 4)
    if isShort {
      #expect(code[1].flow == .branch(options: 12, bit: 2, end))
    } else {
      #expect(code[1].flow == .branch(options: 4, bit: 2, 12) && code[2].flow == .jump(end))
    }
    let backward = try lower(
      .routine,
      [.label(Self.one)] + between + [.branch(.equal, .v0, .immediate(0), Self.one), .returnFromRoutine])
    let reaches = 4 * count + 4 <= 0x8000
    #expect(backward.bytes.count == 4 * count + 4 + (reaches ? 4 : 8) + 4)
    let last = try PPC64LE.Decoder().decodeAll(backward.bytes, at: 0).dropLast().last
    #expect(last?.target == 0)
  }

  @Test("places code and refuses what is out of reach")
  func placement() throws {
    let blob = try lower(.stub, [.call(Self.routine), .callBody, .leave])
    #expect(blob.relocations.count == 2 && blob.returnPoints.count == 1)
    let code = try blob.placed(at: 0x200_0000, body: 0x300_0000) { _ in 0x100_0000 }
    let calls = try PPC64LE.Decoder().decodeAll(code, at: 0x200_0000)
      .filter { if case .call = $0.flow { true } else { false } }
    #expect(calls.map(\.flow) == [.call(0x100_0000), .call(0x300_0000)])
    #expect(calls.last.map { Int($0.next - 0x200_0000) } == blob.returnPoint)
    #expect(throws: LoweringError.undefinedSymbol(program: "p", Self.routine)) {
      try blob.placed(at: 0x200_0000, body: 0x300_0000) { _ in nil }
    }
    let offset = try #require(blob.relocations.first { $0.target == .body }).offset
    let place: Address = 0x4000_0000 - UInt64(offset)
    for (distance, isReached) in [
      (0x1ff_fffc, true), (0x200_0000, false), (-0x200_0000, true), (-0x200_0004, false), (2, false),
    ] {
      let body = UInt64(0x4000_0000 + distance)
      if isReached {
        _ = try blob.placed(at: place, body: body) { _ in 0x4000_0000 }
      } else {
        #expect(throws: LoweringError.outOfRange(program: "p", offset: offset, place: place, target: body)) {
          try blob.placed(at: place, body: body) { _ in 0x4000_0000 }
        }
      }
    }
  }

  @Test("constants can be replaced in lowered code")
  func constants() throws {
    func program(_ small: UInt64, _ large: UInt64) -> [ProbeInstruction] {
      let immediate = Int32(truncatingIfNeeded: small)
      return [
        .constant(.v1, small), .constant(.v2, large), .arithmetic(.add, .v1, .immediate(immediate)),
        .arithmetic(.subtract, .v1, .immediate(immediate)), .arithmetic(.or, .v1, .immediate(immediate)),
        .arithmetic(.exclusiveOr, .v1, .immediate(immediate)), .localAdd(.init(.v1), .immediate(immediate)),
        .storeConstant(.init(.v1), immediate), .branch(.equal, .v1, .immediate(immediate), Self.one),
        .label(Self.one), .leave,
      ]
    }
    for (small, large): (UInt64, UInt64) in [
      (0x0765_4321, 0x7777_7777_7777_7777), (0x0765_c321, 0xffff_0001_8000_8001),
      (0x7fff_7fff, 0x1234_5678_9abc_def1),
    ] {
      var blob = try lower(.stub, program(0x1234_5678, 0x1234_5678_9abc_def0))
      try blob.replaceConstant(0x1234_5678, with: small)
      try blob.replaceConstant(0x1234_5678_9abc_def0, with: large)
      let other = try lower(.stub, program(small, large))
      #expect(blob.bytes == other.bytes && blob.constantSites == other.constantSites)
      #expect(blob.constantSites.count == 9)
      #expect(throws: LoweringError.noSuchConstant(program: "p", value: 0x1234_5678)) {
        try blob.replaceConstant(0x1234_5678, with: 1)
      }
      for value: UInt64 in [1 << 40, 0x7fff_8000, 0xffff_ffff_ffff_0000] {
        #expect {
          try blob.replaceConstant(small, with: value)
        } throws: {
          guard case .constantDoesNotFit(_, _, value)? = $0 as? LoweringError else { return false }
          return true
        }
      }
    }
  }

  @Test("notes where accesses may fault and where they go on")
  func faults() throws {
    let blob = try lower(
      .routine,
      [
        .loadOrFault(.v0, .init(.v1), Self.one), .storeOrFault(.init(.v1, 1 << 20), .v0, Self.two),
        .label(Self.two), .returnFromRoutine, .label(Self.one), .constant(.v0, 0), .returnFromRoutine,
      ])
    #expect(blob.faultTable.map(\.start) == [0, 8])
    #expect(blob.faultTable.map(\.recovery) == [16, 12])
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
    let window = ProgramWindow(start: 0x10_0000)
    for seed in 0..<3000 {
      let role: ProbeProgram.Role = [.stub, .returnStub, .routine][seed % 3]
      var maker = RandomProgram(
        seed: UInt64(seed) << 16, role: role, window: window, elsewhere: 0x20_0000,
        routines: [ProbeSymbol(rawValue: "r")])
      let blob = try Lowering(.ppc64le).lower(maker.make("p\(seed)"))
      if let difference = try PPC64LEFrameWalk.objection(blob, role) {
        Issue.record("program \(seed): \(difference)")
        return
      }
    }
  }
}
