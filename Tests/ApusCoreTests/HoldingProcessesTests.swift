import TestSupport
import Testing

@Suite struct HoldingProcessesTests {
  /// How many hold processes now, and how many did at most.
  private actor Holders {
    private var now = 0
    private(set) var most = 0
    func come() {
      now += 1
      most = max(most, now)
    }
    func go() { now -= 1 }
  }

  @Test func oneAtATime() async throws {
    let test = try #require(Test.current)
    let holders = Holders()
    await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<8 {
        group.addTask {
          try await HoldingProcesses().provideScope(for: test, testCase: nil) {
            await holders.come()
            try await Task.sleep(for: .milliseconds(2))
            await holders.go()
            // Whoever fails leaves too.
            if number == 3 { throw CancellationError() }
          }
        }
      }
    }
    #expect(await holders.most == 1)
  }
}
