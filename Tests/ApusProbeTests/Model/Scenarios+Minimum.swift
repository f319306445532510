import ApusProbe

extension Scenarios {
  /// The entry that stands last is of the same function on another stack, and there is no room for the chunk's event.
  private static let fullOnAnotherStack: [[Op]] = [
    [.call(4, [.call(1, [.resume(1), .protect(1, [.call(2, [])]), .read]), .resume(1)])]
  ]

  /// Short calls are taken back.
  static let minimum: [Scenario] = [
    Scenario(
      name: "minimum duration", minimumTicks: 7,
      threads: [
        [
          .call(1, [.call(2, []), .call(2, []), .call(2, []), .call(2, [])]), .read, .call(3, [.call(2, [])]),
          .read,
        ]
          + nested + [.call(4, [.tail(5, [])])]
      ],
      injections: [
        .handler(calls), .alternate(calls), .handler(busy + [.read]), .alternate(busy + [.read]), .reader,
      ] + forks),
    Scenario(
      name: "minimum duration, dropping", waits: false, minimumTicks: 7, ringEvents: 8,
      threads: [
        [.call(1, [.call(2, []), .call(2, [.call(3, [.call(4, [])])]), .read, .call(2, [])])] + nested
      ],
      injections: [.handler(calls), .handler(busy + [.read]), .handler([.read] + calls), .reader]),
    Scenario(
      name: "minimum duration, waiting", minimumTicks: 7, ringEvents: 4,
      threads: [
        [.call(1, [.call(2, [.call(3, [.call(4, [.call(5, [])])])]), .call(2, []), .call(2, [])])] + nested
      ],
      injections: [.handler(calls), .handler(busy + [.read]), .alternate(calls), .reader]),
    Scenario(
      name: "minimum duration, jumps", minimumTicks: 7,
      threads: [
        [
          .call(
            1, [.protect(1, [.call(2, [.call(2, [.longjmp(1)])])]), .call(2, []), .call(3, [.call(2, [])])]),
          .call(2, [.protect(1, [.call(2, [.longjmp(1)])])]), .call(3, []),
        ]
      ],
      injections: [.handler(calls), .alternate(calls)], leavesNothing: false, endsClosed: true),
    Scenario(
      name: "minimum duration, jumps out of a handler", minimumTicks: 1 << 20, ringEvents: 4,
      threads: [
        [
          .call(
            1, [.protect(1, [.call(2, [.age, .read]), .call(3, [.age, .read]), .call(2, [.age, .read])])]),
          .call(1, [.protect(1, [.call(3, [.age, .read]), .call(2, [])])]), .call(4, []),
        ]
      ],
      injections: [.handler([.longjmp(1)]), .alternate([.longjmp(1)])], leavesNothing: false, neighbour: 1),
    Scenario(
      name: "minimum duration, jumps out of short returns", minimumTicks: 1 << 20,
      threads: [[.call(1, [.protect(1, [.call(2, [])]), .call(3, [.age])])]],
      injections: [.handler([.longjmp(1)]), .alternate([.longjmp(1)])], leavesNothing: false),
    Scenario(
      name: "minimum duration, a full buffer and another stack, jumps", waits: false, minimumTicks: 1 << 20,
      ringEvents: 7,
      threads: fullOnAnotherStack, fibres: [[.call(3, [.call(1, [.yield])])]],
      injections: [.handler([.longjmp(1)])], leavesNothing: false),
    Scenario(
      name: "minimum duration, a full buffer and another stack", minimumTicks: 1 << 20,
      ringEvents: 7, waitingStores: 24,
      threads: fullOnAnotherStack, fibres: [[.call(3, [.call(1, [.yield])])]],
      injections: [
        .reader, .earlyReader, .handler([.read] + calls), .handler([.read] + calls + [.read]),
        .behind([.read, .call(6, [.age]), .read], alternate: false, .reader, boundaries: 12),
      ], leavesNothing: false),
    Scenario(
      name: "minimum duration of a tick", minimumTicks: 1, ringEvents: 4, threads: [nested + nested],
      injections: [
        .handler(calls), .handler([.read] + calls + [.read]), .handler([.read, .call(6, []), .read]), .reader,
      ]),
    Scenario(
      name: "minimum duration, long", minimumTicks: 7,
      threads: [[.call(1, [.call(2, []), .call(3, [.age]), .call(2, [])]), .call(4, [.age])]],
      injections: [.handler(calls), .alternate(calls), .reader]),
    Scenario(
      name: "minimum duration, roots", minimumTicks: 7, options: roots,
      threads: [
        [
          .call(1, []), .call(2, [.call(3, [.call(2, [.call(3, [])])]), .call(3, [])]), .call(4, []),
          .call(2, []),
        ]
      ],
      injections: [.handler(calls), .alternate(calls)] + forks),
    Scenario(
      name: "minimum duration, depth limit", depthLimit: 2, minimumTicks: 7,
      threads: [[.call(2, [.call(2, [.call(2, []), .call(2, [])]), .call(2, [])]), .call(1, [])]], edge: 0x68,
      injections: [.handler(calls), .alternate(calls)] + forks),
  ]
}
