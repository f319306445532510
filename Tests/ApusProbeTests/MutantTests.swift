import ApusProbe
import Testing

/// For each operation whose order matters: without it, or in another place, an exploration fails.
@Suite struct MutantTests {
  @Test(arguments: ProgramSet.hunted) func everyMutantIsFoundOut(_ program: String) throws {
    let equivalent = EquivalentMutants.reasons[program] ?? [:]
    for name in MutantHunt.names(of: program) where equivalent[name] == nil {
      let found = try MutantHunt.find(program, name, strides: [100_000, 17, 1])
      #expect(found != nil, "\(program): \(name)")
    }
  }

  @Test func equivalentMutantsExist() {
    for (program, reasons) in EquivalentMutants.reasons {
      let names = Set(MutantHunt.names(of: program))
      for name in reasons.keys { #expect(names.contains(name), "\(program): \(name)") }
    }
  }

  @Test func thereAreMutantsOfEveryKind() {
    let names = ProgramSet.hunted.flatMap(MutantHunt.names(of:))
    for kind in ["remove", "weaken", "swap"] { #expect(names.contains { $0.hasPrefix(kind) }) }
    #expect(names.count > 150)
  }
}
