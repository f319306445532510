extension Scenarios {
  private static let handlers: [Injection] = [
    .unattended(calls, alternate: false), .unattended(calls, alternate: true),
    .unattended(busy, alternate: false), .unattended(busy, alternate: true),
    .unattended(jumping, alternate: false), .unattended(jumping, alternate: true),
    .unattended(throwing, alternate: false), .unattended(throwing, alternate: true),
    .unattended([.longjmp(1)], alternate: false), .unattended([.call(6, [.longjmp(1)])], alternate: true),
  ]

  private static let left: [Op] = [
    .call(1, [.protect(1, [.call(2, [])]), .call(3, []), .call(4, [.call(5, [])])]), .call(2, []),
  ]
  /// A handler on another stack leaves a frame there; then another one runs there.
  private static let again: [Injection] = [
    jumping, throwing, [.call(6, [.protect(9, [.call(7, [.raise(9)])])])],
  ].map {
    .behind([.call(6, [.longjmp(1)])], alternate: true, .unattended($0, alternate: true), boundaries: 60)
  }

  /// `apus` has died, and signals arrive: every function returns to its caller.
  static let unattended: [Scenario] = [
    Scenario(name: "unattended", threads: [nested + tailing], injections: handlers),
    Scenario(
      name: "unattended, small buffer", ringEvents: 8, threads: [nested + tailing], injections: handlers),
    Scenario(
      name: "unattended, depth limit", waits: false, depthLimit: 2, ringEvents: 8,
      threads: [nested + tailing],
      injections: handlers),
    Scenario(
      name: "unattended, frames that were left",
      threads: [
        [
          .call(
            1,
            [
              .protect(1, [.call(2, [.call(3, [.call(4, [.longjmp(1)])])])]), .call(5, [.call(4, [])]),
              .call(2, []),
            ]), .call(1, []),
        ]
      ],
      injections: handlers, leavesNothing: false),
    Scenario(
      name: "unattended, exceptions",
      threads: [
        [
          .call(
            1,
            [
              .protect(1, [.call(2, [.cleanup([.call(3, [.call(4, [.raise(1)])])], [.call(5, [])])])]),
              .call(3, []),
            ]), .call(4, []),
        ]
      ],
      injections: handlers, leavesNothing: false),
    Scenario(
      name: "unattended, fibres",
      threads: [[.call(1, [.resume(1), .call(2, [.resume(1)]), .call(4, []), .resume(1)])]],
      fibres: [[.call(3, [.call(4, [.yield, .call(5, [])]), .yield])]], injections: handlers,
      leavesNothing: false),
    Scenario(
      name: "unattended, frames that were left on another stack", threads: [left], injections: again,
      leavesNothing: false),
    Scenario(
      name: "unattended, frames that were left on another stack, above", threads: [left],
      alternateIsAbove: true, injections: again, leavesNothing: false),
    Scenario(
      name: "unattended, frames that were left on a fibre's resumer",
      threads: [
        [
          .call(
            1,
            [
              .resume(1), .protect(1, deeper([.call(2, [.longjmp(1)])])), .call(3, []),
              .resume(1),
              .call(4, []),
            ])
        ]
      ],
      fibres: [[.call(5, [.yield, .call(4, []), .yield])]], injections: handlers, leavesNothing: false),
    Scenario(
      name: "unattended, minimum duration", minimumTicks: 1 << 20, ringEvents: 8, threads: [nested + tailing],
      injections: handlers),
    Scenario(
      name: "unattended, children",
      threads: [
        [.call(1, [.call(2, [.protect(1, [.call(3, [.call(4, [.longjmp(1)])])]), .call(5, [])])])] + tailing
      ],
      injections: [calls, jumping, throwing].flatMap {
        [.inChild($0, alternate: false, boundaries: 40), .inChild($0, alternate: true, boundaries: 40)]
      }, leavesNothing: false),
    Scenario(
      name: "unattended, registers", ringEvents: 16, recordsRegisters: true, threads: [nested + tailing],
      injections: handlers),
  ]
}
