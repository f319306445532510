import ApusProbe

extension Scenarios {
  /// Only some calls are recorded.
  static let options: [Scenario] = [
    Scenario(
      name: "root", options: roots,
      threads: [[.call(1, []), .call(2, [.call(3, [.call(2, [])]), .call(3, [])]), .call(4, [])]],
      injections: [.handler(calls), .alternate(calls)] + forks),
    Scenario(
      name: "root, tail calls", options: roots,
      threads: [
        [
          .call(2, [.call(3, []), .tail(4, [.call(3, [])])]), .call(2, [.tail(2, [.tail(3, [])])]),
          .call(3, []),
        ]
      ],
      injections: [.handler(calls), .alternate(calls)] + forks),
    Scenario(
      name: "root at a chunk border", options: roots,
      threads: [
        [
          .call(2, []), .call(1, [.call(3, [.call(2, [.call(3, [])]), .untraced([.call(4, [])])])]),
          .call(4, [.call(3, [])]),
        ]
      ],
      edge: 0x68, injections: [.handler(calls), .alternate(calls)]),
    Scenario(
      name: "root, other stacks", options: roots,
      threads: [[.call(2, [.resume(1), .call(3, [.resume(1)])]), .resume(1), .call(4, [])]],
      fibres: [[.call(3, [.yield, .call(4, [])]), .yield, .call(5, [])]],
      injections: [.handler(calls), .alternate(calls)]),
    Scenario(
      name: "root, jumps", options: roots,
      threads: [
        [
          .call(
            1,
            [
              .protect(1, [.call(2, [.call(3, [.longjmp(1)])])]), .call(4, []),
              .protect(1, [.untraced([.call(2, [.longjmp(1)])])]), .call(3, []), .call(2, [.call(4, [])]),
            ])
        ]
      ],
      injections: [.handler(calls), .alternate(calls)], leavesNothing: false),
  ]

  static let roots: [Int: StubOptions] = {
    var options: [Int: StubOptions] = [:]
    for function in 0..<ProgramSet.functions { options[function, default: StubOptions()].root = .inside }
    options[2, default: StubOptions()].root = .root
    return options
  }()
}
