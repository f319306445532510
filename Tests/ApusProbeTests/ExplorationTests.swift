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

  /// A second injection comes soon after the first.
  @Test(arguments: Scenarios.all) func pairsLoseNothing(_ scenario: Scenario) throws {
    try explorePairs(scenario, stride: 29, pairs: 2)
  }

  /// Where calls are lost, more of them.
  @Test(arguments: Scenarios.all.filter { !$0.waits }) func closePairsLoseNothing(_ scenario: Scenario) throws
  {
    try explorePairs(scenario, stride: 3, pairs: 3)
  }

  /// (Between stacks, nesting is exact for one at a time only.)
  private func explorePairs(_ scenario: Scenario, stride: Int, pairs: Int) throws {
    var scenario = scenario
    scenario.stride = stride
    scenario.pairs = pairs
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
