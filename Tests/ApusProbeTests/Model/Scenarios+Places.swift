import ApusProbe

extension Scenarios {
  private static let toTheEnd: [Op] =
    nested + [.read, .call(1, [.call(2, [])]), .call(1, [])] + nested + [.read] + nested
  /// Different numbers of events.
  private static let filling: [Injection] = [
    .handler([.read, .call(6, [.read, .tail(7, [.read])])]), .handler([.read, .call(6, [.read])]),
    .handler([.read, .call(6, [.read]), .call(6, [.read])]),
    .handler([.read, .call(6, [.read, .tail(7, [.read])]), .call(6, [.read])]),
  ]

  /// Stacks, slots and contexts in places of their own.
  static let places: [Scenario] = [
    Scenario(
      name: "the lowest word of a chunk", threads: [[.call(1, [.call(2, [])]), .call(3, [])]], edge: 0x30,
      injections: signals + forks),
    Scenario(
      name: "a jump to above the lowest word of a chunk",
      threads: [[.call(1, [.protect(1, [.call(2, [.call(3, [.longjmp(1)])])]), .call(4, [.call(5, [])])])]],
      edge: 0x60, injections: [.handler(calls), .alternate(calls)], leavesNothing: false),
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
      injections: [.handler(calls), .secondThread], leavesNothing: false,
      slotsTaken: StackChunk.probeLimit - 2),
    Scenario(
      name: "one slot for two stacks", threads: [[.call(1, [.resume(1)]), .call(2, [])]],
      fibres: [[.call(3, [.call(4, [])]), .yield]], injections: [.handler(calls)], isExact: false,
      leavesNothing: false, slotsTaken: StackChunk.probeLimit - 1),
    Scenario(
      name: "more returns are owed than a gap can hold", threads: [nested],
      injections: [.handler(calls), .reader],
      isExact: false, owed: 1 << EventWord.payloadBits),
    Scenario(
      name: "to the buffer's end", waits: false, ringEvents: 4, threads: [toTheEnd], injections: filling),
    Scenario(
      name: "registers: to the buffer's end", waits: false, ringEvents: 16, recordsRegisters: true,
      threads: [toTheEnd + nested], injections: filling),
    Scenario(
      name: "three threads", threads: [nested, nested, [.call(2, [.call(3, []), .tail(4, [])])]],
      contexts: [0, 1, 2], injections: [.secondThread]),
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
