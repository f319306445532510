import ApusCore
import ApusISA
import ApusProbe
import ApusTrampoline
import Testing

@Suite("ppc64le fast paths")
struct PPC64LEFastPathTests {
  struct Case: Sendable {
    var name: String
    var program: @Sendable (ProbeEnvironment) -> ProbeProgram
    var isTimed = false
    /// Instructions executed before the body and after it.
    var before: Int
    var after = 0
  }

  static let cases: [Case] = [
    Case(name: "count", program: { .countStub(function: .one(1000), environment: $0) }, before: 40),
    Case(name: "entry, untimed", program: { .entryStub(function: .one(1000), environment: $0) }, before: 44),
    Case(
      name: "entry, timed", program: { .entryStub(function: .one(1000), environment: $0) }, isTimed: true,
      before: 46
    ),
    Case(
      name: "graph, untimed",
      program: { .graphStub(function: .one(1000), options: .init(), environment: $0) },
      before: 61, after: 55),
    Case(
      name: "graph, timed", program: { .graphStub(function: .one(1000), options: .init(), environment: $0) },
      isTimed: true, before: 66, after: 62),
  ]

  private func environment(isTimed: Bool) -> ProbeEnvironment {
    ProbeEnvironment(
      contexts: 0x7f00_0010_0000, chunkTable: 0x7e00_0000_0000, chunkBits: 15, mirror: 0x7e10_0000_0000,
      control: 0x7f00_0090_0000, lostCalls: 0x7f00_00a0_0000, sharedCounts: 0x7f00_00b0_0000,
      slowReturn: 0x5555_0000_1000, arena: AddressRange(0x5555_0000_0000, 0x5555_0100_0000), isTimed: isTimed,
      waitsForRoom: true)
  }

  /// The instructions of a call that finds all as it should be: no branch to a slow path is taken.
  @Test("have so many instructions", arguments: cases.indices)
  func lengths(_ index: Int) throws {
    let example = Self.cases[index]
    let program = example.program(environment(isTimed: example.isTimed))
    try program.check()
    let blob = try Lowering(.ppc64le).lower(program)
    let code = try PPC64LE.Decoder().decodeAll(blob.bytes, at: 0)
    func end(from start: Int) throws -> Int {
      try #require(
        code[start...].firstIndex { item in
          if case .return = item.flow { return true }
          return blob.relocations.contains { $0.offset == Int(item.address) && $0.target == .body }
        })
    }
    let entry = try end(from: 0)
    let exit = try blob.returnPoint.map { try end(from: $0 / 4) - $0 / 4 + 1 } ?? 0
    print(
      "ppc64le \(example.name): \(entry + 1) instructions before the body, \(exit) after; \(blob.bytes.count) bytes"
    )
    #expect(entry + 1 == example.before && exit == example.after)
    #expect(try PPC64LEFrameWalk.objection(blob, program.role) == nil)
  }

  @Test("all routines and hooks can be lowered, and have right call-frame information")
  func routines() throws {
    let environment = environment(isTimed: true)
    var programs = Routine.allCases.map { $0.program(environment) }
    programs += [
      .slowReturn(), .disarmHook(), .armHook(environment: environment), .giveBackHook(), .loaderHook(),
      .passHook(), .landHook(cfaOffset: 16, distance: -1),
      .lookUpHook(.init(stackPointer: 784, programCounter: 792, bases: 808), environment: environment),
    ]
    for program in programs {
      try program.check()
      let blob = try Lowering(.ppc64le).lower(program)
      #expect(try PPC64LEFrameWalk.objection(blob, program.role) == nil, "\(program.name)")
    }
  }

  /// A restart after the access of a range's last instruction would do it twice. Before the body, the link register says where
  /// to return; after it, a range may set it, which can be done twice.
  @Test(
    "restartable code of all programs ends with an access or a branch, and keeps the link register before the body"
  )
  func restartable() throws {
    let environment = environment(isTimed: true)
    var programs = Routine.allCases.map { $0.program(environment) }
    programs.append(.graphStub(function: .one(5), options: .init(), environment: environment))
    programs.append(.entryStub(function: .one(5), environment: environment))
    var ranges = 0
    for program in programs {
      let blob = try Lowering(.ppc64le).lower(program)
      let code = try PPC64LE.Decoder().decodeAll(blob.bytes, at: 0)
      for case .restartable(let first, let last) in program.instructions {
        let begin = try #require(blob.offset(of: first)) / 4
        let end = try #require(blob.offset(of: last)) / 4
        try #require(begin < end)
        ranges += 1
        // stw, ld, std, bc; or addi, mr, add or subf, which touch no memory, with committed stores behind them
        let isCommitted = program.instructions.contains {
          if case .committed(last, _) = $0 { true } else { false }
        }
        let word = code[end - 1].word
        let operation = word >> 26
        let touchesNothing =
          operation == 14 || operation == 31 && [444, 266, 40].contains((word >> 1) & 0x3FF)
        #expect(
          [36, 58, 62, 16].contains(operation) || isCommitted && touchesNothing,
          "\(program.name): \(code[end - 1].text)")
        for item in code[begin..<end] {
          let isAfterBody = blob.returnPoint.map { Int(item.address) >= $0 } ?? false
          if case .moveToLink = item.effect, !isAfterBody {
            Issue.record("\(program.name): LR changes in a range")
          }
          // stdcx., whose success is only known behind it (Power ISA, book I, 1.6: opcode 31, 214 and 1).
          #expect(item.word & 0xfc00_07ff != 0x7c00_01ad, "\(program.name) at \(item.address)")
        }
      }
    }
    #expect(ranges >= 10)
  }
}
