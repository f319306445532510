import ApusProbe

extension Scenarios {
  private static let handlers: [Injection] = [.handler(calls), .alternate(calls), .handler(jumping)]
  private static let leaving: [Op] = [.protect(1, [.call(1, [.call(2, [])]), .call(3, [])]), .call(4, [])]

  /// One event a call.
  static let entry: [Scenario] = [
    Scenario(
      name: "entry: nested calls", level: .entry, threads: [nested], injections: handlers + forks + [.reader]),
    Scenario(
      name: "entry: untimed", level: .entry, timed: false, threads: [nested], injections: handlers + [.reader]
    ),
    Scenario(
      name: "entry: jump out of a handler", level: .entry, threads: [leaving],
      injections: [.handler([.longjmp(1)]), .alternate([.call(6, [.call(7, [])]), .longjmp(1)])]),
    Scenario(
      name: "entry: small buffer, waiting", level: .entry, ringEvents: 4, threads: [nested + nested],
      injections: handlers + forks + [.reader, .earlyReader, .death, .ending]),
    Scenario(
      name: "entry: small buffer, dropping", level: .entry, waits: false, ringEvents: 4,
      threads: [nested + [.read] + nested],
      injections: handlers + [.handler([.read] + busy), .handler(busy + [.read])] + forks + [
        .reader, .earlyReader,
      ]),
    Scenario(
      name: "entry: just room enough", level: .entry, waits: false, ringEvents: 8,
      threads: [
        [.call(1, []), .call(2, []), .call(3, []), .read] + nested + [.call(4, []), .call(5, [])]
      ],
      injections: [.handler(calls)]),
    Scenario(
      name: "entry: nobody reads", level: .entry, ringEvents: 4, threads: [nested + nested],
      injections: [.handler(calls), .reader, .death], readerIsAway: true),
    Scenario(
      name: "entry: two threads", level: .entry, waits: false, ringEvents: 4, threads: [nested, nested],
      contexts: [0, 2], injections: [.secondThread]),
    Scenario(
      name: "entry: no contexts", level: .entry, threads: [nested, nested], withoutContext: [0, 1],
      injections: [.handler(calls), .secondThread]),
    Scenario(
      name: "entry: the last place for a context", level: .entry, threads: [nested], retired: 63,
      injections: handlers),
  ]

  /// One count a call.
  static let count: [Scenario] = [
    Scenario(name: "count: nested calls", level: .count, threads: [nested], injections: handlers + forks),
    Scenario(
      name: "count: jump out of a handler", level: .count, threads: [leaving],
      injections: [.handler([.longjmp(1)]), .alternate([.call(6, [.call(7, [])]), .longjmp(1)])]),
    Scenario(
      name: "count: two threads", level: .count, threads: [nested, nested], contexts: [0, 2],
      injections: [.secondThread]),
    Scenario(
      name: "count: no contexts", level: .count, threads: [nested, nested], withoutContext: [0, 1],
      injections: [.handler(calls), .secondThread]),
    Scenario(
      name: "count: the last place for a context", level: .count, threads: [nested], retired: 63,
      injections: handlers + forks),
  ]

  private static let opening: [Op] = [.call(1, [.open]), .call(2, []), .open, .call(3, [])]
  private static let answers: [Injection] = [.apus(1), .apus(2), .apus(3)]

  /// Libraries are opened while the program runs.
  static let loader: [Scenario] = [
    Scenario(
      name: "a library is opened", threads: [opening],
      injections: [.handler(calls), .alternate(calls), .handler([.open]), .alternate([.call(6, [.open])])]
        + forks + answers + [.earlyAnswer, .death, .ending]),
    Scenario(
      name: "two threads open libraries", threads: [opening, opening],
      injections: answers + [.secondThread, .death, .ending]),
    Scenario(
      name: "nobody answers", threads: [opening, opening],
      injections: [.handler(calls), .secondThread, .death, .ending, .apus(3), .apus(6)], readerIsAway: true),
    Scenario(
      name: "small buffer, waiting, apus goes", ringEvents: 8, threads: [nested + nested],
      injections: [.death, .ending]),
  ]
}
