extension Scenarios {
  private static let out: [Injection] = [
    .handler([.longjmp(1)]), .alternate([.longjmp(1)]), .handler(calls + [.longjmp(1)]),
    .alternate([.call(6, [.call(7, [.longjmp(1)])])]),
  ]

  /// Leaves frames far below, so that a handler's calls do not come to them.
  private static let leaving: [Op] = [
    .protect(
      1,
      [
        .call(
          1,
          [
            .call(5, []), .protect(2, [.call(2, deeper([.call(3, [.call(4, [.longjmp(2)])])]))]),
            .call(5, [.call(4, [])]), .read, .call(4, []),
          ])
      ]), .read, .call(2, [.call(3, [])]),
  ]
  private static let leaversBelow: [Injection] = [
    .handler([.longjmp(1)]), .handler([.call(6, [])]), .handler(calls), .handler([.read] + calls),
    .handler([.read, .longjmp(1)]),
  ]
  private static let leavers = out + leaversBelow + [.alternate(calls)]

  /// Handlers that jump out of the midst of a call's entry, return, or tail call.
  static let midway: [Scenario] = [
    Scenario(
      name: "jump out of a handler, tail calls",
      threads: [[.call(1, [.protect(1, tailing + tailing), .call(5, [])]), .call(2, [])]], injections: out),
    Scenario(
      name: "jump out of a handler, frames that were left",
      threads: [
        [
          .call(1, [.protect(1, [.call(2, [.protect(2, [.call(3, [.longjmp(2)])]), .call(4, [])])])]),
          .call(5, []),
        ]
      ],
      injections: out, leavesNothing: false),
    Scenario(
      name: "jump out of a handler, other stacks",
      threads: [[.call(1, [.protect(1, [.call(2, []), .resume(1), .call(4, [])])]), .call(2, [])]],
      fibres: [[.call(3, [.call(5, [])]), .yield]],
      injections: [.handler([.longjmp(1)]), .alternate([.longjmp(1)])], leavesNothing: false),
    Scenario(
      name: "jump out of a handler, dropping", waits: false, ringEvents: 8,
      threads: [
        [
          .call(1, [.protect(1, [.call(2, [.call(3, [.call(4, [])])]), .call(5, [])]), .read] + tailing),
          .call(2, [.read]), .call(4, []),
        ]
      ],
      injections: out + [.handler([.read, .longjmp(1)]), .handler(busy + [.longjmp(1)])]),
    Scenario(
      name: "jump out of a handler, tail calls, dropping", waits: false, ringEvents: 4,
      threads: [[.call(1, [.protect(1, tailing), .read] + tailing), .call(2, [.read]), .call(4, [])]],
      injections: out + [.handler([.read, .longjmp(1)])]),
    Scenario(
      name: "jump out of a handler, depth limit", waits: false, depthLimit: 2, ringEvents: 8,
      threads: [
        [
          .call(1, [.protect(1, [.call(2, [.call(3, [])]), .call(4, [])]), .read, .call(5, [])]),
          .call(1, tailing), .call(2, [.read]), .call(4, []),
        ]
      ],
      injections: out + [.handler([.read, .longjmp(1)])]),
    Scenario(
      name: "jump out of a handler, depth limit, lost calls", waits: false, depthLimit: 3, ringEvents: 4,
      threads: [
        [
          .call(
            1,
            [
              .call(5, []), .call(5, []), .protect(1, [.call(2, [.read, .tail(3, [.call(4, [])])])]),
              .call(4, []),
            ]), .read, .call(2, []),
        ]
      ],
      injections: out + [.handler([.read, .longjmp(1)])]),
    Scenario(
      name: "jump out of a handler, frames that were left, dropping", waits: false, ringEvents: 7,
      threads: [leaving], injections: leavers, leavesNothing: false),
    Scenario(
      name: "jump out of a handler, frames that were left, depth limit", waits: false, depthLimit: 3,
      ringEvents: 7, threads: [leaving], injections: leaversBelow, leavesNothing: false, endsClosed: true),
    Scenario(
      name: "jump out of a handler, frames that were left and not logged", waits: false, depthLimit: 3,
      ringEvents: 4, threads: [leaving], injections: leaversBelow, leavesNothing: false, endsClosed: true),
    Scenario(
      name: "jump out of a handler, registers, dropping", waits: false, ringEvents: 16,
      recordsRegisters: true,
      threads: [
        [
          .call(1, [.protect(1, [.call(2, [.call(3, [.call(4, [])])]), .call(5, [])]), .read] + tailing),
          .call(2, [.read]), .call(4, []),
        ]
      ],
      injections: out + [.handler([.read, .longjmp(1)])]),
    Scenario(
      name: "jumps within handlers, tail calls", threads: [tailing + tailing],
      injections: [.handler(jumping), .alternate(jumping)], leavesNothing: false),
    Scenario(
      name: "jumps within handlers, dropping", waits: false, ringEvents: 8,
      threads: [nested + [.read] + tailing + [.read] + nested],
      injections: [.handler(jumping), .alternate(jumping), .handler([.read] + jumping)], leavesNothing: false
    ),
  ]
}
