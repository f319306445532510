import ApusProbe
import Testing

/// For each operation whose order matters, and each branch: without it, or with another, an exploration fails.
@Suite struct MutantTests {
  private static let grounds = Result { try MutantHunt.grounds() }

  @Test(arguments: ProgramSet.hunted) func everyMutantIsFoundOut(_ program: String) async throws {
    let equivalent = EquivalentMutants.reasons[program] ?? [:]
    let grounds = try Self.grounds.get()
    let survivors = try await withThrowingTaskGroup(of: String?.self) { group in
      for name in MutantHunt.names(of: program) where equivalent[name] == nil {
        group.addTask {
          let found = try MutantHunt.find(program, name, in: grounds, strides: [100_000, 23, 5, 1])
          return found == nil ? name : nil
        }
      }
      return try await group.reduce(into: [String]()) { if let name = $1 { $0.append(name) } }
    }
    #expect(survivors.sorted() == [], "\(program)")
  }

  @Test func equivalentMutantsExist() {
    let missing = EquivalentMutants.reasons.map { program, reasons in
      let names = Set(MutantHunt.names(of: program))
      return reasons.keys.filter { !names.contains($0) }.map { "\(program): \($0)" }
    }
    #expect(missing.flatMap(\.self).sorted() == [])
  }

  @Test func thereAreMutantsOfEveryKind() {
    let names = ProgramSet.hunted.flatMap(MutantHunt.names(of:))
    for kind in ["remove", "weaken", "swap", "negate", "never", "at the limit"] {
      #expect(names.contains { $0.hasPrefix(kind) })
    }
    for program in ProgramSet.hunted {
      #expect(!MutantHunt.names(of: program).isEmpty, "\(program)")
    }
  }
}
