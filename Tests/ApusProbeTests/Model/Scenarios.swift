import ApusProbe

/// What is explored.
enum Scenarios {
  /// A handler that calls two traced functions, one within the other.
  static let calls: [Op] = [.call(6, [.call(7, [])])]
  /// A handler that throws and catches.
  static let throwing: [Op] = [.protect(9, [.call(6, [.cleanup([.call(7, [.raise(9)])], [.call(8, [])])])])]
  static let throwingUntraced: [Op] = [.protect(9, [.untraced([.raise(9)])])]
  static let jumping: [Op] = [.protect(9, [.call(6, [.call(7, [.longjmp(9)])])])]
  /// More events than a small buffer holds.
  static let busy: [Op] = [.call(6, [.call(7, []), .call(7, [.call(8, [])]), .call(7, []), .call(8, [])])]
  static let walking: [Op] = [.call(6, [.backtrace, .call(7, [])])]
  static let walkingUntraced: [Op] = [.backtrace]

  static let signals: [Injection] = [
    .handler(calls), .alternate(calls), .alternate([.call(6, []), .call(7, [.call(8, [])])]),
    .handler(throwing), .alternate(throwing), .alternate(throwingUntraced), .handler(throwingUntraced),
    .handler(walking), .alternate(walking), .handler(walkingUntraced), .alternate(walkingUntraced),
    .handler([.call(6, [.tail(7, [.tailGiveBack])])]),
  ]
  /// Without handlers that unwind where no frame of ours is: in the midst of a change between stacks, calls are then
  /// recorded right, but not all returns.
  static let fibreSignals: [Injection] = signals.enumerated().filter { ![6, 9].contains($0.offset) }.map(
    \.element)
  static let forks: [Injection] = [.fork(severed: true), .fork(severed: false), .handlerThenFork(calls)]
  /// Who stops itself needs a tracer: without one (a server that has died, too) the process would end there.
  static let heldForks: [Injection] = [.fork(severed: true), .handlerThenFork(calls)]
  static let nested: [Op] = [.call(1, [.call(2, []), .call(3, [.call(4, [])])]), .call(5, [])]

  /// In a function without a site that is far down the stack: a handler's frames are above its.
  static func deeper(_ operations: [Op]) -> [Op] {
    (0..<8).reduce(operations) { inner, _ in [.untraced(inner)] }
  }

  static let tailing: [Op] = [.call(2, [.tail(3, [.tail(4, [.call(5, [])])])])]

  /// Everything that is explored.
  static let all =
    graph + options + minimum + places + entry + count + loader + registers + shared + depth + midway
    + unattended
    + pairs

  static let graph: [Scenario] = [
    Scenario(name: "nested calls", threads: [nested], injections: signals + forks + [.reader]),
    Scenario(name: "nested calls, untimed", timed: false, threads: [nested], injections: signals + forks),
    Scenario(
      name: "tail calls",
      threads: [[.call(1, [.call(2, [.tail(3, [.call(4, [.tail(5, [])])])]), .tail(2, [])])]],
      injections: signals + forks + [.reader]),
    Scenario(
      name: "jumps, then tail calls",
      threads: [
        [
          .call(
            1,
            [
              .call(2, [.protect(1, [.call(3, [.call(4, [.longjmp(1)])])]), .tail(5, [.tail(4, [])])]),
              .protect(2, [.call(3, [.longjmp(2)])]), .tail(2, [.call(3, [])]),
            ])
        ]
      ],
      injections: signals + forks, leavesNothing: false),
    Scenario(
      name: "tail call of dlsym",
      threads: [[.call(1, [.call(2, [.tailGiveBack]), .call(3, [.tail(4, [.tailGiveBack])])])]],
      injections: signals + forks),
    Scenario(
      name: "jump",
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
      injections: signals + forks + [.reader], leavesNothing: false),
    Scenario(
      name: "jump out of a handler",
      threads: [
        [
          .call(1, [.protect(1, [.call(2, [.call(3, [])]), .call(4, [])]), .call(5, [.call(3, [])])]),
          .call(2, []),
        ]
      ],
      injections: [
        .handler([.longjmp(1)]), .handler([.call(6, [.call(7, [])]), .longjmp(1)]), .alternate([.longjmp(1)]),
        .alternate([.call(6, []), .longjmp(1)]),
      ]),
    Scenario(
      name: "throw",
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
      injections: signals + forks, leavesNothing: false),
    Scenario(
      name: "throw, full trace of returns",
      threads: [
        [
          .call(
            1, [.call(2, [.call(3, [.protect(1, [.call(4, [.raise(1)])]), .call(5, [])])]), .call(5, [])])
        ]
      ],
      injections: signals, leavesNothing: false),
    Scenario(
      name: "backtrace",
      threads: [[.call(1, [.call(2, [.call(3, [.backtrace, .call(4, [])]), .call(5, [])])])]],
      injections: signals + forks),
    Scenario(
      name: "fibres",
      threads: [[.call(1, [.resume(1), .call(2, [.resume(1)]), .resume(1)])]],
      fibres: [[.call(3, [.call(4, [.yield, .call(5, [])]), .yield])]],
      injections: fibreSignals + forks),
    Scenario(
      name: "a fibre without traced functions throws",
      threads: [[.call(1, [.call(2, [.resume(1)]), .call(3, [])])]],
      fibres: [[.protect(1, [.untraced([.raise(1)])]), .backtrace]], injections: signals),
    Scenario(
      name: "a fibre throws when it is resumed",
      threads: [[.call(1, [.resume(1), .call(2, [.resume(1), .call(4, [])])])]],
      fibres: [[.call(3, [.protect(1, [.call(4, [.yield, .raise(1)])]), .call(5, [])]), .yield]],
      injections: fibreSignals,
      leavesNothing: false),
    Scenario(
      name: "a fibre is left and its stack used again",
      threads: [
        [
          .call(
            1, [.resume(1), .restart(1, [.untraced([.call(2, [.call(3, [])])])]), .resume(1), .call(5, [])])
        ]
      ],
      fibres: [[.call(3, [.call(4, [.yield])])]],
      injections: fibreSignals, leavesNothing: false),
    Scenario(
      name: "fibres, inexact",
      threads: [[.call(1, [.resume(1), .call(2, [.resume(1)]), .resume(1)])]],
      fibres: [[.call(3, [.protect(1, [.call(4, [.yield, .call(5, [.raise(1)])])]), .yield])]],
      injections: signals, isExact: false, leavesNothing: false),
    Scenario(
      name: "chunk border",
      threads: [
        [
          .call(
            1, [.call(2, [.call(3, [.call(4, []), .call(5, [])])]), .call(4, [.tail(3, [.call(5, [])])])])
        ]
      ],
      edge: 0x68, injections: signals + forks),
    Scenario(
      name: "throw over a chunk border",
      threads: [
        [
          .call(1, [.protect(1, [.call(2, [.call(3, [.call(4, [.raise(1)])])])]), .call(5, [.call(2, [])])]),
          .call(3, []),
        ]
      ],
      edge: 0x68, injections: signals, leavesNothing: false),
    Scenario(
      name: "throw over a chunk border, which nothing comes to again",
      threads: [
        [
          .call(1, [.protect(1, [.call(2, [.call(3, [.call(4, [.raise(1)])])])])]), .call(3, []),
        ]
      ],
      edge: 0x68, injections: [.handler(calls), .alternate(calls)], leavesNothing: false, endsClosed: true),
    Scenario(
      name: "small buffer, waiting", ringEvents: 16, threads: [nested + nested + nested],
      injections: signals + forks + [.earlyReader, .reader]),
    Scenario(
      name: "small buffer, stopping", stops: true, ringEvents: 16, threads: [nested + nested + nested],
      injections: signals + heldForks + [.earlyReader, .reader]),
    Scenario(
      name: "full buffer, stopping", stops: true, ringEvents: 4, threads: [nested + nested],
      injections: [.handler(calls), .handler(busy), .alternate(calls)] + heldForks),
    Scenario(
      name: "small buffer, dropping", waits: false, ringEvents: 8,
      threads: [nested + [.read] + nested + [.call(2, [])]],
      injections: [
        .handler(calls), .handler([.read] + calls), .handler(busy), .handler([.read] + busy),
        .handler(busy + [.read]),
        .handler(throwing), .reader, .earlyReader,
      ]
        + forks.dropLast()),
    Scenario(
      name: "small buffer, dropping, alternate stack", waits: false, ringEvents: 8,
      threads: [nested + [.read] + nested + [.call(2, [])]],
      injections: [
        .alternate(calls), .alternate([.read] + calls), .alternate(calls + [.read]), .alternate(throwing),
        .alternate([.read] + busy), .alternate([.call(6, [.call(7, [.read])]), .read]),
        .handler(calls + [.read]),
      ]),
    Scenario(
      name: "small buffer, dropping, fibres", waits: false, ringEvents: 8,
      threads: [[.call(1, [.resume(1), .call(2, [.resume(1), .read]), .call(4, []), .resume(1)])]],
      fibres: [[.call(3, [.call(4, [.yield, .call(5, [])]), .yield])]],
      injections: [.handler(calls), .handler([.read] + busy), .alternate([.read] + calls)], isExact: false,
      leavesNothing: false),
    Scenario(
      name: "jumps within handlers", threads: [nested], injections: [.handler(jumping), .alternate(jumping)],
      leavesNothing: false),
    Scenario(
      name: "depth limit", depthLimit: 2, threads: [nested],
      injections: [.handler(calls), .alternate(calls), .alternate([.call(6, []), .call(7, [.call(8, [])])])]
        + forks),
    Scenario(
      name: "depth limit, dropping", waits: false, depthLimit: 2, depthIsExact: true, ringEvents: 8,
      threads: [
        nested + [.read] + nested + [.call(1, [.call(2, [.tail(3, [.call(4, [])])]), .read, .call(5, [])])]
      ],
      injections: [.handler(calls), .handler([.read] + calls), .handler(busy)] + forks.dropLast()),
    Scenario(
      name: "two threads", threads: [nested, [.call(2, [.call(3, []), .tail(4, [])])]],
      injections: [.secondThread]),
    Scenario(
      name: "two threads, colliding contexts", threads: [nested, [.call(2, [.call(3, []), .tail(4, [])])]],
      contexts: [0, 2], injections: [.secondThread]),
    Scenario(
      name: "two threads lose calls", waits: false, ringEvents: 4,
      threads: [nested, nested], injections: [.secondThread]),
    Scenario(
      name: "small buffer, dropping, jumps", waits: false, ringEvents: 8,
      threads: [
        [
          .call(
            1,
            [
              .protect(1, [.call(2, [.call(3, [.longjmp(1)])])]), .call(4, []), .read,
              .protect(1, [.call(2, [.call(3, [.longjmp(1)])])]), .call(5, [.read]), .call(4, []), .read,
              .call(4, []),
            ])
        ]
      ],
      injections: [.handler(calls), .handler([.read] + calls), .handler(busy)], leavesNothing: false),
    Scenario(
      name: "full buffer, dropping, jumps", waits: false, ringEvents: 8,
      threads: [
        [
          .call(
            1,
            [
              .call(5, []), .call(5, []), .protect(1, [.call(2, [.call(3, [.call(4, [.longjmp(1)])])])]),
              .call(5, []), .read, .call(4, []),
            ])
        ]
      ],
      injections: [
        .handler([.read, .call(6, [])]), .handler(calls), .handler([.read] + calls), .handler([.read] + busy),
      ], leavesNothing: false
    ),
    Scenario(
      name: "jumps within handlers, slow returns",
      threads: [
        [
          .call(1, [.call(2, [.protect(1, [.call(3, [.longjmp(1)])])])]),
          .call(4, [.call(1, [.call(2, [.protect(1, [.call(3, [.longjmp(1)])])])])]),
        ]
      ],
      injections: [.handler(jumping), .alternate(jumping)], leavesNothing: false),
    Scenario(
      name: "nobody reads", ringEvents: 8, threads: [nested + nested],
      injections: [.handler(calls), .reader],
      readerIsAway: true),
    Scenario(
      name: "a deep jump",
      threads: [
        [
          .call(
            1,
            [
              .protect(
                1,
                [
                  .call(
                    2,
                    [
                      .untraced([
                        .untraced([.untraced([.untraced([.untraced([.call(3, [.call(4, [.longjmp(1)])])])])])]
                        )
                      ])
                    ])
                ]),
              .call(5, [.call(4, [])]),
            ])
        ]
      ],
      injections: signals, leavesNothing: false),
    Scenario(
      name: "depth limit, jumps", depthLimit: 3,
      threads: [
        [
          .call(
            1,
            [
              .protect(1, [.call(2, [.call(3, [.longjmp(1)])])]),
              .protect(1, [.call(2, [.call(3, [.longjmp(1)])])]),
              .call(4, [.call(5, [.call(3, [])])]),
            ]), .call(2, [.call(3, [.call(4, [])])]),
        ]
      ],
      injections: [.handler(calls), .alternate(calls)], leavesNothing: false),
    Scenario(
      name: "jumps within handlers, leaves",
      threads: [[.call(1, []), .call(2, [.tail(3, [.tail(4, [])])]), .resume(1), .call(3, [])]],
      fibres: [[.call(5, [.yield])]],
      injections: [.handler(jumping), .alternate(jumping)], leavesNothing: false),
    Scenario(
      name: "a fibre moves while its first thread knows nothing of it",
      threads: [
        [.call(1, [.resume(2), .post(1), .await(2), .call(2, [])])],
        [.await(1), .call(4, [.resume(2)]), .post(2)],
      ],
      fibres: [[.call(3, [.call(4, [.yield]), .call(5, [])])]],
      injections: signals + [.secondThread], isExact: false, leavesNothing: false),
    Scenario(
      name: "jump and return",
      threads: [[.call(1, [.call(2, [.protect(1, [.call(3, [.call(4, [.longjmp(1)])])])]), .call(5, [])])]],
      injections: signals + forks, leavesNothing: false),
    Scenario(
      name: "forced unwinding",
      threads: [
        [
          .call(
            1,
            [
              .protect(1, [.call(2, [.call(3, [.forced(1)])])]), .call(4, []),
              .protect(1, [.untraced([.untraced([.forced(1)])])]), .backtrace, .call(5, []),
            ])
        ]
      ],
      injections: signals, leavesNothing: false),
    Scenario(
      name: "jumps within handlers, other stacks",
      threads: [[.call(1, [.call(2, [.resume(1), .call(3, [.call(4, [])])]), .resume(1)])]],
      fibres: [[.call(5, [.yield, .call(4, [])])]], edge: 0x68,
      injections: [.handler(jumping), .alternate(jumping)], leavesNothing: false),
    Scenario(
      name: "depth limit, jump out of a handler", depthLimit: 3, depthIsExact: true,
      threads: [[.protect(1, [.call(1, [.call(2, [])])]), .call(3, [])]],
      injections: [.handler([.longjmp(1)])], leavesNothing: false, endsClosed: true),
    Scenario(
      name: "depth limit, frames that were left", depthLimit: 3,
      threads: [
        [
          .call(1, [.protect(1, deeper([.call(2, [.call(3, [.longjmp(1)])])])), .call(4, [])]),
          .protect(1, deeper([.call(3, [.longjmp(1)])])), .call(5, []),
        ]
      ],
      injections: [.handler(calls), .handler([.call(6, [])])], leavesNothing: false, endsClosed: true),
    Scenario(
      name: "depth limit, other stacks", depthLimit: 3,
      threads: [
        [
          .call(1, [.resume(1), .call(2, [.call(3, [.call(4, [])])]), .resume(1), .call(4, [])]),
          .call(5, []),
        ]
      ],
      fibres: [[.call(3, [.call(4, [.yield, .call(5, [])])])]], edge: 0x68,
      injections: [.handler(calls), .alternate(calls)]),
    Scenario(
      name: "two threads unwind",
      threads: [
        [.call(1, [.protect(1, [.call(2, [.raise(1)])]), .backtrace, .call(3, [])])],
        [.call(1, [.protect(1, [.call(2, [.raise(1)])]), .backtrace, .call(3, [])])],
      ],
      injections: [.secondThread], leavesNothing: false),
    Scenario(
      name: "no contexts", threads: [nested, [.call(2, [.call(3, []), .tail(4, [])])]], contexts: [0, 1],
      withoutContext: [0, 1], injections: [.handler(calls), .secondThread]),
    Scenario(
      name: "two threads, no room for stacks", threads: [nested, nested], injections: [.secondThread],
      tableIsFull: true),
    Scenario(
      name: "a fibre moves to a thread without context",
      threads: [
        [.call(1, [.resume(2), .call(2, [])]), .post(1), .await(2), .call(5, [])],
        [.await(1), .call(4, [.resume(2)]), .post(2)],
      ],
      withoutContext: [1], fibres: [[.call(3, [.call(4, [.yield, .call(5, [])])])]],
      injections: signals + [.secondThread], leavesNothing: false),
    Scenario(
      name: "a fibre moves to another thread",
      threads: [
        [.call(1, [.resume(2), .call(2, [])]), .post(1), .await(2), .call(5, [])],
        [.await(1), .call(4, [.resume(2)]), .post(2)],
      ],
      fibres: [[.call(3, [.call(4, [.yield]), .call(5, [])])]],
      injections: signals + [.secondThread], isExact: false, leavesNothing: false),
    Scenario(name: "no room for stacks", threads: [nested], injections: signals, tableIsFull: true),
  ]
}
