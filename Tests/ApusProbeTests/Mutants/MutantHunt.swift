import ApusProbe

extension ProgramSet {
  /// The programs whose mutants must be found out, by name.
  static let hunted: [String] = [
    "graph", "slowReturn", "disarmHook", "landHook", "armHook", "giveBackHook", "isOurs", "log", "logStack",
    "switchWindow", "leaveFrames", "arm", "enter", "exit", "logReturn", "disarm", "land", "giveBack",
  ]

  /// A program of this set.
  func program(_ name: String) -> ProbeProgram? {
    if name == "graph" { return stubs[2] }
    if name == "slowReturn" { return slowReturn }
    return hooks.values.first { $0.name == name } ?? routines[ProbeSymbol(rawValue: name)]
  }

  /// Puts the mutant with this name in place of the real program; nil if this variant of the program has no such.
  func mutated(_ program: String, _ name: String) -> ProgramSet? {
    func mutate(_ original: ProbeProgram) -> ProbeProgram? {
      guard let mutant = Mutant.all(of: original).first(where: { $0.name == name }) else { return nil }
      return ProbeProgram(name: original.name, role: original.role, instructions: mutant.instructions)
    }
    var copy = self
    if program == "graph" {
      var any = false
      for (index, stub) in stubs.enumerated() {
        if let changed = mutate(stub) {
          copy.stubs[index] = changed
          any = true
        }
      }
      return any ? copy : nil
    }
    if program == "slowReturn" {
      guard let changed = mutate(slowReturn) else { return nil }
      copy.slowReturn = changed
      return copy
    }
    if let (hook, original) = hooks.first(where: { $0.value.name == program }) {
      guard let changed = mutate(original) else { return nil }
      copy.hooks[hook] = changed
      return copy
    }
    let symbol = ProbeSymbol(rawValue: program)
    guard let original = routines[symbol], let changed = mutate(original) else { return nil }
    copy.routines[symbol] = changed
    return copy
  }
}

/// Looks for an exploration that a mutant does not survive.
enum MutantHunt {
  /// Every mutant of a program, in all its variants, in order.
  static func names(of program: String) -> [String] {
    var names: [String] = []
    var known: Set<String> = []
    for scenario in Scenarios.all {
      guard let original = ProgramSet(scenario).program(program) else { continue }
      for mutant in Mutant.all(of: original) where known.insert(mutant.name).inserted {
        names.append(mutant.name)
      }
    }
    return names
  }

  /// The scenario that finds it out, with how many boundaries were left out; nil if none does.
  static func find(_ program: String, _ name: String, strides: [Int]) throws -> (
    scenario: String, stride: Int
  )? {
    var sets: [(Scenario, ProgramSet, World.Baseline)] = []
    for scenario in Scenarios.all {
      let real = ProgramSet(scenario)
      guard let set = real.mutated(program, name) else { continue }
      sets.append((scenario, set, try Explorer(scenario, real).plainRun()))
    }
    for stride in strides {
      for (original, set, reference) in sets {
        var scenario = original
        scenario.stride = stride
        var explorer = try Explorer(scenario, set, reference: reference)
        if try explorer.explore() != nil { return (scenario.name, stride) }
      }
    }
    return nil
  }
}
