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

  /// A second injection comes soon after the first. (Between stacks, nesting is exact for one at a time only.)
  @Test(arguments: Scenarios.all.filter { !$0.waits }) func closePairsLoseNothing(_ scenario: Scenario) throws
  {
    var scenario = scenario
    scenario.stride = 3
    scenario.pairs = 3
    scenario.isExact = scenario.isExact && scenario.fibres.isEmpty
    var explorer = try Explorer(scenario, ProgramSet(scenario))
    let failure = try explorer.explore()
    #expect(failure == nil, "\(scenario.name) after \(explorer.runs) runs")
  }

  @Test(arguments: Scenarios.all) func pairsLoseNothing(_ scenario: Scenario) throws {
    var scenario = scenario
    scenario.stride = 29
    scenario.pairs = 2
    scenario.isExact = scenario.isExact && scenario.fibres.isEmpty
    var explorer = try Explorer(scenario, ProgramSet(scenario))
    let failure = try explorer.explore()
    #expect(failure == nil, "\(scenario.name) after \(explorer.runs) runs")
  }

  @Test(arguments: Scenarios.all.filter { $0.threads.count > 1 })
  func noOrderOfThreadsLosesAnything(_ scenario: Scenario) throws {
    var explorer = try Explorer(scenario, ProgramSet(scenario))
    let failure = try explorer.schedule(rounds: 200)
    #expect(failure == nil, "\(scenario.name) after \(explorer.runs) runs")
  }
}
