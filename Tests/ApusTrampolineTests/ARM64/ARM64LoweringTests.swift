import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import TestSupport
import Testing

@Suite("arm64 lowering")
struct ARM64LoweringTests {
  private static let one = ProbeLabel(rawValue: 1)
  private static let two = ProbeLabel(rawValue: 2)
  private static let routine = ProbeSymbol(rawValue: "routine")

  struct Case: Sendable {
    var text: String
    var role: ProbeProgram.Role = .stub
    var instructions: [ProbeInstruction]
    /// As an assembler takes it.
    var assembly: [String]
  }

  static let cases: [Case] = [
    Case(
      text: "only what is used is saved", instructions: [.constant(.v1, 5), .jumpBody],
      assembly: ["str x10, [sp, #-16]!", "mov x10, #5", "ldr x10, [sp], #16", "b ."]),
    Case(
      text: "nothing is saved", instructions: [.pause, .jumpBody], assembly: ["yield", "b ."]),
    Case(text: "a stop", instructions: [.trap(.room), .jumpBody], assembly: ["brk #0", "b ."]),
    Case(
      text: "without calls the return address stays in the link register",
      instructions: [.loadReturnAddress(.v0), .storeReturnAddress(.v0), .leave],
      assembly: ["str x9, [sp, #-16]!", "mov x9, x30", "mov x30, x9", "ldr x9, [sp], #16", "ret"]),
    Case(
      text: "with calls it is saved, and all that routines change",
      instructions: [.call(routine), .frameAddress(.v4), .loadReturnAddress(.v4), .jumpBody],
      assembly: [
        "stp x30, x16, [sp, #-80]!", "stp x17, x8, [sp, #16]", "stp x9, x10, [sp, #32]",
        "stp x11, x12, [sp, #48]", "str x13, [sp, #64]", "bl .", "add x13, sp, #80", "ldr x13, [sp]",
        "ldr x13, [sp, #64]", "ldp x11, x12, [sp, #48]", "ldp x9, x10, [sp, #32]", "ldp x17, x8, [sp, #16]",
        "ldp x30, x16, [sp], #80", "b .",
      ]),
    Case(
      text: "each side of the body saves its own",
      instructions: [
        .constant(.v1, 0), .callBody, .constant(.v7, 1 << 40), .storeReturnAddress(.v7), .leave,
      ],
      assembly: [
        "str x10, [sp, #-16]!", "mov x10, #0", "ldr x10, [sp], #16", "bl .", "str x7, [sp, #-16]!",
        "mov x7, #0x10000000000", "mov x30, x7", "ldr x7, [sp], #16", "ret",
      ]),
    Case(
      text: "a stub that is entered by a return", role: .returnStub,
      instructions: [.frameAddress(.v2), .storeReturnAddress(.v2), .leave],
      assembly: ["str x11, [sp, #-16]!", "add x11, sp, #16", "mov x30, x11", "ldr x11, [sp], #16", "ret"]),
    Case(
      text: "far words of one page are reached by way of it once", role: .routine,
      instructions: [
        .load(.v0, .init(.v1, 0x80_5000), .eight),
        .branch(.aboveOrEqual, .v0, .memory(.init(.v1, 0x40_2000)), one),
        .store(.init(.v0), .v2, .eight), .arithmetic(.add, .v0, .immediate(8)),
        .storeRelease(.init(.v1, 0x80_5000), .v0), .label(one), .returnFromRoutine,
      ],
      assembly: [
        "add x17, x10, #0x805, lsl #12", "ldr x9, [x17]", "add x16, x10, #0x402, lsl #12", "ldr x16, [x16]",
        "cmp x9, x16", "b.hs . + 16", "str x11, [x9]", "add x9, x9, #8", "stlr x9, [x17]", "ret",
      ]),
    Case(
      text: "a page is forgotten with its base and at labels", role: .routine,
      instructions: [
        .load(.v1, .init(.v1, 0x80_5000), .eight), .load(.v0, .init(.v1, 0x80_5008), .eight), .label(one),
        .load(.v0, .init(.v1, 0x80_5010), .eight), .returnFromRoutine,
      ],
      assembly: [
        "add x17, x10, #0x805, lsl #12", "ldr x10, [x17]", "add x17, x10, #0x805, lsl #12",
        "ldr x9, [x17, #8]", "add x17, x10, #0x805, lsl #12", "ldr x9, [x17, #16]", "ret",
      ]),
    Case(
      text: "displacements of all kinds", role: .routine,
      instructions: [
        .load(.v0, .init(.v1, -8), .eight), .load(.v0, .init(.v1, 255), .four),
        .load(.v0, .init(.v1, -0x1000), .one), .store(.init(.v1, -0x1000 + 4), .v0, .two),
        .load(.v0, .init(.v1, 0x4000_0001), .two), .returnFromRoutine,
      ],
      assembly: [
        "ldur x9, [x10, #-8]", "ldur w9, [x10, #255]", "sub x17, x10, #1, lsl #12", "ldrb w9, [x17]",
        "strh w9, [x17, #4]", "mov x17, #1", "movk x17, #0x4000, lsl #16", "ldrh w9, [x10, x17]", "ret",
      ]),
    Case(
      text: "comparisons", role: .routine,
      instructions: [
        .branch(.equal, .v3, .immediate(0), one), .branch(.aboveOrEqual, .v3, .immediate(0x1000), one),
        .branch(.below, .v3, .immediate(-3), one), .branch(.notEqual, .v3, .immediate(0x1234_5678), one),
        .branch(.below, .v3, .immediate(0), one), .label(one), .returnFromRoutine,
      ],
      assembly: [
        "cbz x12, . + 44", "cmp x12, #1, lsl #12", "b.hs . + 36", "cmn x12, #3", "b.lo . + 28",
        "mov x16, #0x5678", "movk x16, #0x1234, lsl #16", "cmp x12, x16", "b.ne . + 12", "cmp x12, #0",
        "b.lo . + 4", "ret",
      ]),
    Case(
      text: "immediates", role: .routine,
      instructions: [
        .arithmetic(.add, .v0, .immediate(-1)), .arithmetic(.subtract, .v0, .immediate(0x5000)),
        .arithmetic(.and, .v0, .immediate(0x3f_ff80)), .arithmetic(.or, .v0, .immediate(5)),
        .arithmetic(.and, .v0, .immediate(-1)), .arithmetic(.multiply, .v0, .immediate(10)),
        .addShifted(.v0, .v1, 2), .shiftLeft(.v0, 26), .shiftRight(.v0, 1), .returnFromRoutine,
      ],
      assembly: [
        "sub x9, x9, #1", "sub x9, x9, #5, lsl #12", "and x9, x9, #0x3fff80", "mov x16, #5",
        "orr x9, x9, x16", "mov x16, #10", "mul x9, x9, x16", "add x9, x9, x10, lsl #2", "lsl x9, x9, #26",
        "lsr x9, x9, #1", "ret",
      ]),
    Case(
      text: "additions to memory, local and for all threads", role: .routine,
      instructions: [
        .localAdd(.init(.v2, 0x1238), .immediate(1)), .atomicAdd(.init(.v2), .register(.v0)),
        .returnFromRoutine,
      ],
      assembly: [
        "add x17, x11, #1, lsl #12", "add x17, x17, #0x238", "mov x8, #1", "ldxr x16, [x17]",
        "add x16, x16, x8", "stxr w8, x16, [x17]", "cbnz w8, . - 16", "dmb ish", "ldaxr x16, [x11]",
        "add x16, x16, x9", "stlxr w8, x16, [x11]", "cbnz w8, . - 12", "dmb ish", "ret",
      ]),
    Case(
      text: "compare and exchange, local and for all threads", role: .routine,
      instructions: [
        .localCompareExchange(.init(.v1), expected: .v0, desired: .v2, otherwise: one),
        .atomicCompareExchange(.init(.v1), expected: .v0, desired: .v2, otherwise: one), .label(one),
        .returnFromRoutine,
      ],
      assembly: [
        "ldxr x16, [x10]", "cmp x16, x9", "b.ne . + 40", "stlxr w16, x11, [x10]", "cbnz x16, . - 16",
        "dmb ish", "ldaxr x16, [x10]", "cmp x16, x9", "b.ne . + 16", "stlxr w16, x11, [x10]",
        "cbnz x16, . - 16", "dmb ish", "ret",
      ]),
    Case(
      text: "registers for one operation only", role: .routine,
      instructions: [
        .threadPointer(.v1), .timestamp(.v2, scratch: .v0), .fence, .loadAcquire(.v0, .init(.v1, 8)),
        .storeConstant(.init(.v1), 0), .storeConstant(.init(.v1), -2), .returnFromRoutine,
      ],
      assembly: [
        "mrs x10, tpidr_el0", "mrs x11, cntvct_el0", "dmb ish", "add x17, x10, #8", "ldar x9, [x17]",
        "str xzr, [x10]", "mov x16, #-2", "str x16, [x10]", "ret",
      ]),
    Case(
      text: "routines keep v4 to v7 and call others", role: .routine,
      instructions: [.constant(.v4, 0xffff_ffff_ffff_fffe), .call(routine), .returnFromRoutine],
      assembly: ["stp x30, x13, [sp, #-16]!", "mov x13, #-2", "bl .", "ldp x30, x13, [sp], #16", "ret"]),
    Case(
      text: "arguments are in their registers",
      instructions: [.argument(.v4, 0), .argument(.v4, 5), .leave],
      assembly: ["str x13, [sp, #-16]!", "mov x13, x0", "mov x13, x5", "ldr x13, [sp], #16", "ret"]),
    Case(
      text: "arguments are set in their registers",
      instructions: [.argument(.v4, 0), .setArgument(5, .v4), .setArgument(0, .v4), .leave],
      assembly: [
        "str x13, [sp, #-16]!", "mov x13, x0", "mov x5, x13", "mov x0, x13", "ldr x13, [sp], #16", "ret",
      ]),
    Case(
      text: "jumps to what follows are left out", role: .routine,
      instructions: [.jump(two), .label(one), .label(two), .returnFromRoutine], assembly: ["ret"]),
  ]

  @Test("gives this assembly")
  func golden() throws {
    // One run of the assembler for all: each case's branches are relative to themselves.
    let assembled = try Scratch.assemble(
      Self.cases.map { $0.assembly.joined(separator: "\n") }, (ARM64RegisterValues.tools, ""))
    for (example, expected) in zip(Self.cases, assembled) {
      let blob = try lower(example.role, example.instructions)
      #expect(blob.bytes == expected, "\(example.text)")
    }
  }

  private func lower(_ role: ProbeProgram.Role, _ instructions: [ProbeInstruction]) throws -> CodeBlob {
    try Lowering(.arm64).lower(ProbeProgram(name: "p", role: role, instructions: instructions))
  }

  @Test("conditional branches get a jump of their own exactly when they do not reach", arguments: [-1, 0, 1])
  func relaxation(_ more: Int) throws {
    // 2^18 instructions forwards are one too many; 2^18 backwards are not.
    let limit = 1 << 18
    let forward = [ProbeInstruction](repeating: .pause, count: limit - 2 + more)
    let ahead = try lower(
      .routine,
      [.branch(.equal, .v0, .register(.v1), Self.one)] + forward + [.label(Self.one), .returnFromRoutine])
    #expect(ahead.bytes.count == 4 * (1 + (more <= 0 ? 1 : 2) + forward.count + 1))
    let decoder = ARM64.Decoder()
    let end = Address(ahead.bytes.count - 4)
    #expect(ahead.offset(of: Self.one) == Int(end))
    if more <= 0 {
      #expect(decoder.decode(ahead.bytes[4...], at: 4)?.kind == .branch(.equal, end))
    } else {
      #expect(decoder.decode(ahead.bytes[4...], at: 4)?.kind == .branch(.notEqual, 12))
      #expect(decoder.decode(ahead.bytes[8...], at: 8)?.kind == .jump(end))
    }
    let between = [ProbeInstruction](repeating: .pause, count: limit + more)
    let back = try lower(
      .routine,
      [.label(Self.one)] + between + [.branch(.notEqual, .v0, .immediate(0), Self.one), .returnFromRoutine])
    let place = 4 * between.count
    #expect(back.bytes.count == place + (more <= 0 ? 4 : 8) + 4)
    let expected: ARM64.Instruction.Kind =
      more <= 0
      ? .compareZero(.x9, isNotZero: true, wide: true, 0)
      : .compareZero(.x9, isNotZero: false, wide: true, Address(place + 8))
    #expect(decoder.decode(back.bytes[place...], at: Address(place))?.kind == expected)
  }

  @Test("places code and refuses what is out of reach")
  func placement() throws {
    let blob = try lower(.stub, [.call(Self.routine), .callBody, .leave])
    #expect(blob.relocations.count == 2 && blob.returnPoints.count == 1)
    func calls(_ body: Address, _ routine: Address) throws -> [ARM64.Instruction] {
      let code = try blob.placed(at: 0x1000_0000, body: body) { _ in routine }
      return ARM64.Decoder().decodeAll(code, at: 0x1000_0000).filter(\.isCall)
    }
    let near = try calls(0x1002_0000, 0xff0_0000)
    #expect(near.map(\.kind) == [.call(0xff0_0000), .call(0x1002_0000)])
    #expect(near.last.map { Int($0.next - 0x1000_0000) } == blob.returnPoint)
    // To the last instruction of ±128 MiB.
    let place = 0x1000_0000 + UInt64(blob.relocations[1].offset)
    for body in [place - 1 << 27, place + (1 << 27 - 4)] {
      #expect(try calls(body, 0x1000_0000).last?.kind == .call(body))
    }
    for body in [place - (1 << 27 + 4), place + 1 << 27, place + 0x1_0000_0000, 0x1000_0002] {
      #expect {
        try calls(body, 0x1000_0000)
      } throws: {
        guard case .outOfRange(_, _, 0x1000_0000, body)? = $0 as? LoweringError else { return false }
        return true
      }
    }
    #expect(throws: LoweringError.undefinedSymbol(program: "p", Self.routine)) {
      try blob.placed(at: 0x1_0000, body: 0x2_0000) { _ in nil }
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
    try blob.replaceConstant(0x1234_5678_9abc_def0, with: 0x7777_6666_5555_4444)
    let other = try lower(.stub, program(0x0765_4321, 0x7777_6666_5555_4444))
    #expect(blob.bytes == other.bytes && blob.constantSites == other.constantSites)
    #expect(throws: LoweringError.noSuchConstant(program: "p", value: 0x1234_5678)) {
      try blob.replaceConstant(0x1234_5678, with: 1)
    }
    #expect {
      try blob.replaceConstant(0x0765_4321, with: 0x1_0001_0001)
    } throws: {
      guard case .constantDoesNotFit(_, _, 0x1_0001_0001)? = $0 as? LoweringError else { return false }
      return true
    }
  }

  @Test("notes where accesses may fault and where they go on")
  func faults() throws {
    let blob = try lower(
      .routine,
      [
        .loadOrFault(.v0, .init(.v1), Self.one), .storeOrFault(.init(.v1, 0x5_0008), .v0, Self.two),
        .label(Self.two), .returnFromRoutine, .label(Self.one), .constant(.v0, 0), .returnFromRoutine,
      ])
    #expect(blob.faultTable.map(\.start) == [0, 8])
    #expect(blob.faultTable.map(\.recovery) == [16, 12])
  }

  @Test("restartable code begins and ends with its own instructions")
  func restartable() throws {
    let blob = try lower(
      .stub,
      [
        .load(.v0, .init(.v0, 0x80_5000), .eight), .label(Self.one),
        .load(.v2, .init(.v1, 0x80_5000), .eight),
        .storeRelease(.init(.v1, 0x80_5000), .v2), .label(Self.two), .restartable(Self.one, Self.two),
        .load(.v3, .init(.v1, 0x80_5000), .eight), .leave,
      ])
    let begin = try #require(blob.offset(of: Self.one))
    let end = try #require(blob.offset(of: Self.two))
    // Nothing from before the first label is relied upon; the store is the last instruction.
    #expect(end - begin == 12)
    var store = ARM64.Encoder()
    store.storeRelease(.x11, .x17)
    #expect(Array(blob.bytes[end - 4..<end]) == store.bytes)
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
      let blob = try Lowering(.arm64).lower(maker.make("p\(seed)"))
      if let difference = ARM64FrameWalk.objection(blob, role) {
        Issue.record("program \(seed): \(difference)")
        return
      }
    }
  }
}
