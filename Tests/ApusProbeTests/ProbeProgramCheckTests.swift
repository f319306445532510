import ApusProbe
import Testing

@Suite("Checks of probe programs")
struct ProbeProgramCheckTests {
  struct Case: Sendable {
    var text: String
    var role: ProbeProgram.Role = .stub
    var instructions: [ProbeInstruction]
    /// Nil: the program is right.
    var index: Int?
    var reason: ProbeError.Reason?
  }

  private static let one = ProbeLabel(rawValue: 1)
  private static let two = ProbeLabel(rawValue: 2)
  private static let place = ProbeAddress(.v1, 8)

  static let cases: [Case] = [
    Case(text: "the smallest stub", instructions: [.jumpBody]),
    Case(text: "the smallest routine", role: .routine, instructions: [.returnFromRoutine]),
    Case(text: "nothing", instructions: [], index: 0, reason: .fallsOffEnd),
    Case(text: "no end", instructions: [.constant(.v0, 1)], index: 0, reason: .fallsOffEnd),
    Case(
      text: "an end that a branch jumps over",
      instructions: [
        .constant(.v0, 1), .branch(.equal, .v0, .immediate(0), one), .leave, .label(one),
      ], index: 3, reason: .fallsOffEnd),
    Case(text: "a label at an end that nothing reaches", instructions: [.leave, .label(one)]),
    Case(
      text: "two labels alike", instructions: [.label(one), .label(one), .leave], index: 1,
      reason: .duplicateLabel(one)),
    Case(text: "no label", instructions: [.jump(one)], index: 0, reason: .undefinedLabel(one)),
    Case(
      text: "leave in a routine", role: .routine, instructions: [.leave], index: 0,
      reason: .notAllowed(.routine)),
    Case(
      text: "returnFromRoutine in a stub", instructions: [.returnFromRoutine], index: 0,
      reason: .notAllowed(.stub)),
    Case(
      text: "an argument at a return", role: .returnStub, instructions: [.argument(.v0, 0), .leave], index: 0,
      reason: .notAllowed(.returnStub)),
    Case(
      text: "a seventh argument set", instructions: [.constant(.v0, 1), .setArgument(6, .v0), .leave],
      index: 1, reason: .argumentIndex(6)),
    Case(
      text: "an argument set after the body",
      instructions: [.callBody, .constant(.v0, 1), .setArgument(0, .v0), .leave], index: 2,
      reason: .argumentAfterBody),
    Case(
      text: "an argument set of no value", instructions: [.setArgument(0, .v3), .leave], index: 0,
      reason: .unwrittenRegister(.v3)),
    Case(
      text: "a seventh argument", instructions: [.argument(.v0, 6), .leave], index: 0,
      reason: .argumentIndex(6)),
    Case(
      text: "an argument after the body", instructions: [.callBody, .argument(.v0, 0), .leave], index: 1,
      reason: .argumentAfterBody),
    Case(
      text: "an addition shifted by 4", instructions: [.constant(.v0, 1), .addShifted(.v0, .v0, 4), .leave],
      index: 1, reason: .shiftCount(4)),
    Case(
      text: "a shift by 64", instructions: [.constant(.v0, 1), .shiftLeft(.v0, 64), .leave], index: 1,
      reason: .shiftCount(64)),
    Case(
      text: "a register without a value", instructions: [.move(.v1, .v0), .leave], index: 0,
      reason: .unwrittenRegister(.v0)),
    Case(
      text: "a base without a value", instructions: [.storeConstant(place, 1), .leave], index: 0,
      reason: .unwrittenRegister(.v1)),
    Case(
      text: "a value on one path only",
      instructions: [
        .constant(.v0, 1), .branch(.equal, .v0, .immediate(1), one), .constant(.v1, 0), .label(one),
        .storeConstant(place, 1), .leave,
      ], index: 4, reason: .unwrittenRegister(.v1)),
    Case(
      text: "a value on both paths",
      instructions: [
        .constant(.v0, 1), .branch(.equal, .v0, .immediate(1), one), .constant(.v1, 0), .jump(two),
        .label(one),
        .constant(.v1, 8), .label(two), .storeConstant(place, 1), .leave,
      ]),
    Case(
      text: "a value lost on the way round a loop",
      instructions: [
        .constant(.v0, 1), .label(one), .move(.v1, .v0), .callBody, .jump(one),
      ], index: 2, reason: .unwrittenRegister(.v0)),
    Case(
      text: "a value from before the body",
      instructions: [
        .constant(.v0, 1), .callBody, .storeReturnAddress(.v0), .leave,
      ], index: 2, reason: .unwrittenRegister(.v0)),
    Case(text: "a routine's parameter", role: .routine, instructions: [.move(.v4, .v3), .returnFromRoutine]),
    Case(
      text: "what is no parameter", role: .routine, instructions: [.move(.v3, .v4), .returnFromRoutine],
      index: 0,
      reason: .unwrittenRegister(.v4)),
    Case(
      text: "a routine's result",
      instructions: [
        .call(ProbeSymbol(rawValue: "r")), .storeReturnAddress(.v3), .leave,
      ]),
    Case(
      text: "the scratch register of a timestamp",
      instructions: [
        .timestamp(.v0, scratch: .v2), .move(.v0, .v2), .leave,
      ], index: 1, reason: .unwrittenRegister(.v2)),
    Case(
      text: "a timestamp without scratch",
      instructions: [.timestamp(.v0, scratch: .v0), .move(.v1, .v0), .leave]),
    Case(
      text: "expected where the exchange failed", role: .routine,
      instructions: [
        .localCompareExchange(place, expected: .v0, desired: .v2, otherwise: one), .returnFromRoutine,
        .label(one),
        .move(.v1, .v0), .returnFromRoutine,
      ], index: 3, reason: .unwrittenRegister(.v0)),
    Case(
      text: "expected where the exchange succeeded", role: .routine,
      instructions: [
        .atomicCompareExchange(place, expected: .v0, desired: .v2, otherwise: one), .move(.v1, .v0),
        .label(one),
        .returnFromRoutine,
      ]),
    Case(
      text: "the register of a load that faulted",
      instructions: [
        .constant(.v1, 0), .loadOrFault(.v0, place, one), .leave, .label(one), .move(.v1, .v0), .leave,
      ], index: 4, reason: .unwrittenRegister(.v0)),
  ]

  @Test("finds what is wrong, and only that", arguments: cases)
  func check(_ example: Case) {
    let program = ProbeProgram(name: "p", role: example.role, instructions: example.instructions)
    var found: ProbeError?
    do throws(ProbeError) { try program.check() } catch { found = error }
    let expected = example.reason.map { ProbeError(program: "p", index: example.index ?? -1, reason: $0) }
    #expect(found == expected, "\(example.text)")
  }
}
