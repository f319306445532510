import ApusProbe
import Testing

@Suite struct MutantTests {
  @Test(arguments: ProgramSet.hunted) func hunt(_ program: String) throws {
    for name in MutantHunt.names(of: program) {
      let found = try MutantHunt.find(program, name, strides: [100_000, 17, 1])
      print("MUTANT \(program): \(name): \(found.map { "\($0.stride) \($0.scenario)" } ?? "SURVIVED")")
    }
  }
}
