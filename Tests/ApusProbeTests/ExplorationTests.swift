import ApusProbe
import Testing

extension Scenario: CustomTestStringConvertible {
  var testDescription: String { name }
}

/// The programs that are lowered, explored.
@Suite struct ExplorationTests {
  @Test(arguments: Scenarios.all) func nothingIsLost(_ scenario: Scenario) throws {
    var explorer = try Explorer(scenario, ProgramSet(scenario))
    let failure = try explorer.explore()
    #expect(failure == nil, "\(scenario.name) after \(explorer.runs) runs")
  }
}
