import ApusTraceFile

/// Calls merged by call path: a tree, whose node 0 is where threads begin.
@safe struct CallPathVisitor: FrameVisitor {
  /// How many paths are told apart; calls by other paths count for a node "more call paths" of their caller.
  static let mostNodes = 1 << 22
  /// Deeper calls are merged in the same way: what is written for a path grows with its depth.
  static let mostDepth: UInt32 = 2048

  struct Node {
    var function: UInt32
    var parent: UInt32
    var calls: UInt64 = 0
    var total: UInt64 = 0
    var own: UInt64 = 0
    /// How many of its frames are open: a node of merged paths may call itself.
    var open: UInt32 = 0
  }

  private(set) var nodes: [Node] = [Node(function: 0, parent: 0)]
  /// Open addressing: (parent, function) to node; 0 is free.
  private var table = [UInt32](repeating: 0, count: 1024)
  private let mostNodes: Int

  init(mostNodes: Int = CallPathVisitor.mostNodes) { self.mostNodes = mostNodes }

  @inline(__always) private func slot(_ parent: UInt32, _ function: UInt32) -> Int {
    var hash = (UInt64(parent) << 32 | UInt64(function)) &* 0x9E37_79B9_7F4A_7C15
    hash ^= hash >> 29
    return Int(truncatingIfNeeded: hash) & (table.count &- 1)
  }

  private mutating func child(_ parent: UInt32, _ function: UInt32) -> UInt32 {
    var at = slot(parent, function)
    while table[at] != 0 {
      let node = table[at]
      if nodes[Int(node)].function == function, nodes[Int(node)].parent == parent { return node }
      at = (at &+ 1) & (table.count &- 1)
    }
    if nodes.count >= mostNodes, function != 0 { return merged(parent) }
    let node = UInt32(nodes.count)
    nodes.append(Node(function: function, parent: parent))
    table[at] = node
    if nodes.count * 2 > table.count { rehash() }
    return node
  }

  /// The node for all calls from a path that are not told apart.
  private mutating func merged(_ parent: UInt32) -> UInt32 {
    parent != 0 && nodes[Int(parent)].function == 0 ? parent : child(parent, 0)
  }

  private mutating func rehash() {
    table = [UInt32](repeating: 0, count: table.count * 2)
    for node in nodes.indices.dropFirst() {
      var at = slot(nodes[node].parent, nodes[node].function)
      while table[at] != 0 { at = (at &+ 1) & (table.count &- 1) }
      table[at] = UInt32(node)
    }
  }

  mutating func enter(
    _ function: UInt32, time: UInt64, depth: UInt32, parent: Frame?, thread: ThreadState, stack: FrameStack
  ) -> UInt64 {
    let from = UInt32(truncatingIfNeeded: parent?.tag ?? 0)
    let node = depth < Self.mostDepth ? child(from, function) : merged(from)
    nodes[Int(node)].calls &+= 1
    nodes[Int(node)].open &+= 1
    return UInt64(node)
  }

  mutating func leave(_ frame: Frame, time: UInt64, end: FrameEnd, thread: ThreadState, stack: FrameStack) {
    let node = Int(frame.tag)
    nodes[node].open &-= 1
    if nodes[node].open == 0 || nodes[node].function != 0 { nodes[node].total &+= time &- frame.start }
  }

  mutating func spend(_ duration: UInt64, tag: UInt64) { nodes[Int(tag)].own &+= duration }
}

/// The finished tree.
struct CallTree {
  let nodes: [CallPathVisitor.Node]
  /// For each node its children, the most expensive first.
  let children: [[UInt32]]
  /// What a node weighs with all below it: its own time, or its calls where there are no times.
  let weights: [UInt64]

  /// With `byCalls`, weights are calls.
  init(_ nodes: [CallPathVisitor.Node], byCalls: Bool) {
    self.nodes = nodes
    var weights = nodes.map { byCalls ? $0.calls : $0.own }
    var children = [[UInt32]](repeating: [], count: nodes.count)
    // Children have larger numbers than their parents.
    for index in nodes.indices.dropFirst().reversed() {
      weights[Int(nodes[index].parent)] &+= weights[index]
      children[Int(nodes[index].parent)].append(UInt32(index))
    }
    for index in children.indices {
      children[index].sort { a, b in
        let (x, y) = (weights[Int(a)], weights[Int(b)])
        return x != y ? x > y : a < b
      }
    }
    self.weights = weights
    self.children = children
  }
}

extension TraceReader {
  /// Merges all calls by call path.
  func callPaths(
    threads: ThreadSelection = ThreadSelection()
  ) -> (nodes: [CallPathVisitor.Node], outcome: ReportOutcome) {
    let (visitor, outcome) = visit(CallPathVisitor(), order: .stacks, threads: threads) { _ in }
    return (visitor.nodes, outcome)
  }
}
