extension Scenarios {
  /// What is beyond a depth limit, and what is not, when threads go from one chunk of stack to another.
  static let depth: [Scenario] = [
    Scenario(
      name: "depth limit, jump out of a handler on another stack", depthLimit: 2, shallow: [1, 2, 3, 4],
      threads: [[.protect(1, [.call(1, [.call(2, [])])]), .call(3, [.call(4, [])])]], knowsOwnStack: true,
      injections: [.alternate([.call(5, [.call(6, [.longjmp(1)])])])], leavesNothing: false),
    Scenario(
      name: "depth limit, jump out of a handler into an empty chunk", depthLimit: 2, shallow: [1, 3],
      tooDeep: [4],
      threads: [[.call(1, deeper([.protect(1, [.untraced([])]), .call(3, [.call(4, [])])]))]],
      knowsOwnStack: true, edge: 0x68,
      injections: [.alternate([.call(5, [.longjmp(1)])])], leavesNothing: false),
    Scenario(
      name: "depth limit, lost calls", waits: false, depthLimit: 3, ringEvents: 4,
      threads: [
        [
          .call(1, [.call(5, []), .call(5, []), .call(2, [.read, .call(3, [])]), .call(4, [])]), .read,
          .call(1, []),
        ]
      ],
      injections: [
        .handler(calls), .alternate(calls), .handler([.read] + calls), .handler([.call(6, [])]), .reader,
      ]),
    Scenario(
      name: "depth limit, jump out of a handler, lost calls", waits: false, depthLimit: 3, ringEvents: 4,
      threads: [
        [
          .protect(1, [.call(1, [.call(5, []), .call(5, []), .call(2, [.read, .call(3, [])])])]), .read,
          .call(3, []),
        ]
      ],
      injections: [.handler([.longjmp(1)]), .handler([.call(6, [])])], leavesNothing: false,
      endsClosed: true),
    Scenario(
      name: "depth limit, lost calls on another stack", waits: false, depthLimit: 3, ringEvents: 5,
      threads: [[.call(1, [.call(5, []), .call(5, []), .resume(1), .call(4, [])]), .read, .call(1, [])]],
      fibres: [[.call(2, [.read, .call(3, [])]), .yield]],
      injections: [.handler(calls), .alternate(calls), .handler([.call(6, [])])]),
    Scenario(
      name: "depth limit, tail calls", depthLimit: 3,
      threads: [[.call(1, [.call(2, [.tail(3, [.tail(4, [.call(5, [])])])])])]],
      injections: [.handler(calls), .reader]),
    Scenario(
      name: "depth limit, an empty chunk from less deep", depthLimit: 2, shallow: [1, 2, 3, 4],
      threads: [[.call(1, deeper([.call(2, [])]))] + deeper([.call(3, [.call(4, [])])])], knowsOwnStack: true,
      edge: 0x68, injections: [.handler([.call(5, [])]), .alternate([.call(5, [])])]),
    Scenario(
      name: "depth limit, an empty chunk further down", depthLimit: 2, shallow: [1, 3], tooDeep: [4],
      threads: [[.call(1, deeper([.call(3, [.call(4, [])])]))]], knowsOwnStack: true, edge: 0x68,
      injections: [.handler([.call(5, [])]), .alternate([.call(5, [])])]),
    Scenario(
      name: "depth limit, parked frames", depthLimit: 3, shallow: [1, 2, 3, 4], tooDeep: [5],
      threads: [[.call(1, [.resume(1), .call(2, []), .resume(1)])]], knowsOwnStack: true,
      fibres: [[.call(3, [.call(4, [.yield, .call(5, [])])])]],
      injections: [.handler([.call(6, [])]), .alternate([.call(6, [])])]),
    Scenario(
      name: "depth limit, a handler on a fibre", depthLimit: 2, shallow: [1, 2, 3, 4],
      threads: [[.call(1, []), .resume(1), .call(3, [.call(4, [])])]], knowsOwnStack: true,
      fibres: [[.call(2, [.untraced([])])]], injections: [.alternate([.call(5, [])])]),
    Scenario(
      name: "depth limit, left from a fibre", depthLimit: 2, shallow: [1, 2, 3, 4],
      threads: [
        [
          .resume(1), .protect(1, deeper([.call(2, [.resume(1), .longjmp(1)])])), .call(3, [.call(4, [])]),
        ]
      ], knowsOwnStack: true, fibres: [[.call(1, [.yield]), .yield]], edge: 0x68,
      injections: [.alternate([.call(6, [])])], leavesNothing: false),
    Scenario(
      name: "depth limit, fibres resume each other", depthLimit: 2, shallow: [1, 2, 4, 5],
      threads: [[.call(1, [.resume(2)]), .resume(1), .call(4, [.call(5, [])])]], knowsOwnStack: true,
      fibres: [[.call(2, [.resume(2)])], [.call(3, []), .yield, .call(3, []), .yield]], edge: 0x68,
      injections: [.handler([.call(6, [])]), .alternate([.call(6, [])])]),
  ]
}
