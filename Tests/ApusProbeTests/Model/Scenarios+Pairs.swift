import ApusProbe

extension Scenarios {
  private static let short: [Op] = [.call(1, [.call(2, [])])]
  /// More calls than a small buffer holds, then one with registers.
  private static let deep: [Op] = (0..<7).reduce(short) { inner, _ in [.call(2, [.call(4, inner)])] }
  private static let sealing: [Injection] = [[.read, .call(6, [.age]), .read], [.call(6, [.age]), .read]].map
  {
    .behind($0, alternate: false, .reader, boundaries: 12)
  }

  /// A handler that jumps out into another one, which then returns.
  private static let leftChanges: [Injection] = [
    .within([.protect(9, [.call(6, [])])], alternate: true, .handler([.longjmp(9)])),
    .within([.protect(9, [.call(6, [])])], alternate: false, .alternate([.longjmp(9)])),
  ]

  /// A handler is interrupted, or what it has interrupted is at once interrupted again.
  static let pairs: [Scenario] = [
    Scenario(
      name: "pairs: windows", threads: [short],
      injections: [
        .within(calls, alternate: false, .alternate(calls)), .within(calls, alternate: true, .handler(calls)),
        .behind(calls, alternate: false, .alternate(calls), boundaries: 8),
        .behind(calls, alternate: true, .handler(calls), boundaries: 8),
      ]),
    Scenario(
      name: "pairs: windows, dropping", waits: false, ringEvents: 4,
      threads: [short + [.read] + short + [.read] + short],
      injections: [
        .within(calls, alternate: true, .handler([.read] + calls)),
        .behind([.read] + calls, alternate: true, .handler([.read] + calls), boundaries: 8),
      ]),
    Scenario(
      name: "pairs: a window that is left", threads: [short],
      injections: [.behind(jumping, alternate: true, .alternate(calls), boundaries: 60)],
      isBeforeWindows: true, leavesNothing: false, endsClosed: true),
    Scenario(
      name: "pairs: what is sealed", minimumTicks: 7, ringEvents: 4, threads: [nested], injections: sealing),
    Scenario(
      name: "pairs: what is sealed, much room", minimumTicks: 7, ringEvents: 32, threads: [nested],
      injections: sealing),
    Scenario(
      name: "pairs: a change that is left", threads: [short], injections: leftChanges, isBeforeWindows: true,
      leavesNothing: false),
    Scenario(
      name: "pairs: a change that is left, above", threads: [short], alternateIsAbove: true,
      injections: leftChanges, isBeforeWindows: true, leavesNothing: false),
    Scenario(
      name: "pairs: what is sealed, registers", minimumTicks: 7, ringEvents: 16, recordsRegisters: true,
      threads: [deep + nested], injections: sealing),
    Scenario(
      name: "pairs: jumps", ringEvents: 4, threads: [[.call(1, [.call(2, [.tail(3, [.tail(4, [])])])])]],
      alternateIsAbove: true,
      injections: [.behind(jumping, alternate: true, .handler(jumping), boundaries: 30)], leavesNothing: false
    ),
    Scenario(
      name: "pairs: jumps, dropping", waits: false, ringEvents: 4,
      threads: [[.call(1, [.call(2, [.call(3, [.call(4, [])])])])]], alternateIsAbove: true,
      injections: [
        .behind([.read] + jumping, alternate: true, .handler([.read] + jumping), boundaries: 30)
      ], leavesNothing: false),
  ]
}
