import ApusProbe
import Testing

/// The routines of the regs path are others of the list, but that they log the register file with a call. So what is explored
/// and hunted of those holds for them.
@Suite struct RegisterRoutineTests {
  private static let environments = [nil, 2].flatMap { depthLimit in
    [false, true].map { ModelLayout.environment(timed: $0, waits: $0, depthLimit: depthLimit) }
  }

  @Test func enterIsTheSameButForWhatItLogs() {
    for environment in Self.environments {
      let registers = Routine.enterRegisters.program(environment)
      Self.expect(registers, toBe: .enter, environment, places: 2)
    }
  }

  @Test func logIsTheSameButForWhatItLogs() throws {
    for environment in Self.environments {
      var registers = Routine.logRegisters.program(environment)
      // It keeps the frame for the registers.
      let kept = try #require(registers.instructions.firstIndex(of: .move(.v5, .v2)))
      registers.instructions.remove(at: kept)
      Self.expect(registers, toBe: .log, environment, places: 1)
    }
  }

  /// The same code, but for so many places where the register file is logged.
  private static func expect(
    _ registers: ProbeProgram, toBe routine: Routine, _ environment: ProbeEnvironment, places: Int
  ) {
    let (code, found) = withoutRegisters(registers, environment)
    #expect(code == withoutTargets(routine.program(environment)))
    #expect(found == places)
  }

  @Test func logEntryIsTheSameButForWhatItLogs() throws {
    for environment in Self.environments {
      var registers = Routine.logEntryRegisters.program(environment)
      // It keeps the frame for the call, and gives it in v2.
      let kept = try #require(registers.instructions.firstIndex(of: .move(.v5, .v2)))
      registers.instructions.remove(at: kept)
      let given = try #require(registers.instructions.firstIndex(of: .move(.v2, .v5)))
      registers.instructions.remove(at: given)
      let call = try #require(registers.instructions.firstIndex(of: .call(Routine.logRegisters.symbol)))
      registers.instructions[call] = .call(Routine.log.symbol)
      #expect(registers.instructions == Routine.logEntry.program(environment).instructions)
    }
  }

  /// The program with one event staged where it stages several and asks for their room; and how many places that are.
  private static func withoutRegisters(
    _ program: ProbeProgram, _ environment: ProbeEnvironment
  ) -> (code: [ProbeInstruction], places: Int) {
    let target = ProbeLabel(rawValue: 0)
    var many = ProgramBuilder()
    many.stageRegisters(environment.registers, full: target)
    let several = many.program("several", .routine).instructions
    var few = ProgramBuilder()
    few.stage(.v2, full: target)
    let one = few.program("one", .routine).instructions
    var rest = program.instructions[...]
    var code: [ProbeInstruction] = []
    var places = 0
    while let first = rest.first {
      if rest.prefix(several.count).map(withoutTarget) == several {
        places += 1
        code += one
        rest = rest.dropFirst(several.count)
      } else if first == .constant(.v0, UInt64(environment.registers.eventBytes)) {
        code.append(.constant(.v0, 8))
        rest = rest.dropFirst()
      } else {
        code.append(withoutTarget(first))
        rest = rest.dropFirst()
      }
    }
    return (code, places)
  }

  private static func withoutTargets(_ program: ProbeProgram) -> [ProbeInstruction] {
    program.instructions.map(withoutTarget)
  }

  /// Where a full buffer leads is not compared.
  private static func withoutTarget(_ instruction: ProbeInstruction) -> ProbeInstruction {
    guard case .branch(.aboveOrEqual, let left, .memory(let place), _) = instruction,
      place == ProbeAddress(.v1, ThreadContext.limit)
    else { return instruction }
    return .branch(.aboveOrEqual, left, .memory(place), ProbeLabel(rawValue: 0))
  }
}
