import ApusProbe
import Testing

/// The routines of the regs path are others of the list, but that they log the register file with a call. So what is explored
/// and hunted of those holds for them.
@Suite struct RegisterRoutineTests {
  private static let environments = [nil, 2].flatMap { depthLimit in
    [false, true].map { ModelLayout.environment(timed: $0, waits: $0, depthLimit: depthLimit) }
  }

  @Test func enterIsTheSameButForWhatItLogs() throws {
    for environment in Self.environments {
      let registers = Routine.enterRegisters.program(environment)
      let (code, calls) = Self.withoutRegisters(registers)
      #expect(code == Routine.enter.program(environment).instructions)
      #expect(calls == 2)
    }
  }

  @Test func logEntryIsTheSameButForWhatItLogs() throws {
    for environment in Self.environments {
      var registers = Routine.logEntryRegisters.program(environment)
      // It keeps the frame for the call.
      let kept = try #require(registers.instructions.firstIndex(of: .move(.v5, .v2)))
      registers.instructions.remove(at: kept)
      let (code, calls) = Self.withoutRegisters(registers)
      #expect(code == Routine.logEntry.program(environment).instructions)
      #expect(calls == 1)
    }
  }

  /// The program with `log` called instead of `logRegisters`, to which the frame is given in v2; and how many calls that are.
  private static func withoutRegisters(_ program: ProbeProgram) -> (code: [ProbeInstruction], calls: Int) {
    var code: [ProbeInstruction] = []
    var calls = 0
    for instruction in program.instructions {
      guard instruction == .call(Routine.logRegisters.symbol) else {
        code.append(instruction)
        continue
      }
      calls += 1
      if code.last == .move(.v2, .v5) { code.removeLast() }
      code.append(.call(Routine.log.symbol))
    }
    return (code, calls)
  }
}
