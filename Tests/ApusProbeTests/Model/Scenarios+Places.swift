import ApusProbe

extension Scenarios {
  /// Stacks, slots and contexts in places of their own.
  static let places: [Scenario] = [
    Scenario(
      name: "the lowest word of a chunk", threads: [[.call(1, [.call(2, [])]), .call(3, [])]], edge: 0x30,
      injections: signals + forks),
    Scenario(
      name: "a retired context", threads: [nested], retired: 1, injections: signals + forks),
    Scenario(
      name: "the last place for a context", threads: [nested], retired: 63, injections: [.handler(calls)]),
    Scenario(
      name: "the last slots", threads: [nested], injections: [.handler(calls), .alternate(calls)] + forks,
      slotsTaken: StackChunk.probeLimit - 2),
    Scenario(
      name: "the last slot",
      threads: [
        [.call(1, [.resume(2)]), .post(1), .await(2), .call(5, [])], [.await(1), .resume(2), .post(2)],
      ],
      withoutContext: [1],
      fibres: [[.call(3, [.call(4, [.yield, .call(5, [])])])]],
      injections: [.handler(calls), .secondThread], isExact: false, leavesNothing: false,
      slotsTaken: StackChunk.probeLimit - 2),
    Scenario(
      name: "two stacks in one chunk",
      threads: [[.call(1, [.resume(1), .tail(2, [.call(4, [])])]), .call(5, [])]],
      fibres: [[.call(3, [.yield])]], sharesChunk: true,
      injections: [.handler(calls), .alternate(calls)] + forks, isExact: false,
      leavesNothing: false),
    Scenario(
      name: "no contexts, unwinding",
      threads: [[.call(1, [.protect(1, [.call(2, [.raise(1)])]), .backtrace, .call(3, [.tailGiveBack])])]],
      withoutContext: [0], injections: [.handler(calls)]),
  ]
}
