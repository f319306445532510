package import Testing

/// One test at a time of all that hold processes, whichever suites they are of: two tracers at once starve each other on a small
/// machine.
package struct HoldingProcesses: SuiteTrait, TestTrait, TestScoping {
  package init() {}

  package var isRecursive: Bool { true }

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    await Turn.only.take()
    do {
      try await function()
    } catch {
      await Turn.only.leave()
      throw error
    }
    await Turn.only.leave()
  }

  /// Who may hold processes now, and who waits for it.
  private actor Turn {
    static let only = Turn()
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take() async {
      guard isTaken else {
        isTaken = true
        return
      }
      await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
      if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
  }
}

extension Trait where Self == HoldingProcesses {
  /// Waits until no other test holds processes.
  package static var holdsProcesses: Self { Self() }
}
