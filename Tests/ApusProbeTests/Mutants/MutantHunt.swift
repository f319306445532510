import ApusProbe

extension ProgramSet {
  /// The programs whose mutants must be found out: every one that is lowered.
  static let hunted: [String] =
    ["graph stub", "entry stub", "count stub", "slowReturn"] + Hook.allCases.map { "\($0) hook" }
    + Routine.allCases.map(\.rawValue).filter { !notHunted.contains($0) }

  /// Two of the regs path: other programs of the list, but that they log the register file (RegisterRoutineTests).
  private static let notHunted = [Routine.enterRegisters, .logEntryRegisters].map(\.rawValue)

  /// Those whose branches are changed too: all but the ones that look for frames and windows, most of whose branches
  /// bound a search.
  static let branching = Set(hunted).subtracting(
    [Routine.enter, .exit, .arm, .disarm, .land].map(\.rawValue))

  /// Changes a program of this set wherever it stands (a stub for each function that is called); false if nothing was
  /// changed.
  mutating func change(
    _ name: String, _ level: Level, _ change: (ProbeProgram, _ function: Int?) -> ProbeProgram?
  ) -> Bool {
    var any = false
    func apply(_ program: inout ProbeProgram, _ function: Int? = nil) {
      guard let changed = change(program, function) else { return }
      program = changed
      any = true
    }
    if name == "\(level) stub" {
      // Those of the regs path do nothing but call routines.
      for function in 1...8 where !stubs[function].name.hasSuffix("Registers") {
        apply(&stubs[function], function)
      }
    } else if name == "slowReturn" {
      apply(&slowReturn)
    } else if let hook = Hook.allCases.first(where: { name == "\($0) hook" }), var program = hooks[hook] {
      apply(&program)
      hooks[hook] = program
    } else if var program = routines[ProbeSymbol(rawValue: name)] {
      apply(&program)
      routines[ProbeSymbol(rawValue: name)] = program
    }
    return any
  }
}

/// Looks for an exploration that a mutant does not survive.
enum MutantHunt {
  /// A scenario with its real programs, and what they come to.
  struct Ground: Sendable {
    var scenario: Scenario
    var programs: ProgramSet
    var reference: World.Baseline
  }

  /// All scenarios, those first that take least to explore.
  static func grounds() throws -> [Ground] {
    try Scenarios.all.map { scenario in
      var scenario = scenario
      let programs = ProgramSet(scenario)
      let reference = try Explorer(scenario, programs).plainRun()
      let ground = Ground(scenario: scenario, programs: programs, reference: reference)
      scenario.stride = 23
      var explorer = try Explorer(scenario, programs)
      let start = ContinuousClock.now
      _ = try explorer.explore()
      return (ground, cost: ContinuousClock.now - start)
    }.sorted { $0.cost < $1.cost }.map(\.0)
  }

  /// Every mutant of a program, in all its variants, in order.
  static func names(of program: String) -> [String] {
    var names: [String] = []
    var known: Set<String> = []
    for scenario in Scenarios.all {
      var set = ProgramSet(scenario)
      _ = set.change(program, scenario.level) { original, function in
        for mutant in Mutant.all(
          of: original, function: function, branches: ProgramSet.branching.contains(program))
        where known.insert(mutant.name).inserted {
          names.append(mutant.name)
        }
        return nil
      }
    }
    return names
  }

  /// Whether a scenario can say anything of a program.
  private static func isCalled(_ program: String, in scenario: Scenario) -> Bool {
    switch program {
    case Routine.room.rawValue: true
    case Routine.logRegisters.rawValue: scenario.recordsRegisters
    default: !scenario.recordsRegisters
    }
  }

  /// The scenario that finds it out, with how many boundaries were left out; nil if none does.
  static func find(_ program: String, _ name: String, in grounds: [Ground], strides: [Int]) throws -> (
    scenario: String, stride: Int
  )? {
    var mutated: [(ground: Ground, programs: ProgramSet)] = []
    for ground in grounds where isCalled(program, in: ground.scenario) {
      var set = ground.programs
      let exists = set.change(program, ground.scenario.level) { original, function in
        Mutant.all(of: original, function: function, branches: ProgramSet.branching.contains(program)).first {
          $0.name == name
        }?.applied(to: original)
      }
      if exists { mutated.append((ground, set)) }
    }
    for stride in strides {
      for (ground, set) in mutated {
        var scenario = ground.scenario
        scenario.stride = stride
        var explorer = try Explorer(scenario, set, reference: ground.reference)
        if try explorer.explore() != nil { return (scenario.name, stride) }
      }
    }
    return nil
  }
}
