package import ApusCore
package import ApusTraceFile

/// Options of `graph`.
package struct GraphOptions: Sendable {
  /// Show the subtrees of the functions it matches; nil for the whole tree.
  package var root: Glob?
  /// Which threads.
  package var threads = ThreadSelection()
  /// Colours.
  package var color: ColorMode = .none

  /// The defaults.
  package init() {}
}

/// `graph`: calls merged by call path.
package enum GraphReport {
  /// Writes a tree: total time, share of the whole, calls, function.
  package static func write(
    _ reader: TraceReader, _ options: GraphOptions, demangler: Demangler, to sink: TextSink
  ) throws(ReportError) -> ReportOutcome {
    let (nodes, outcome) = reader.callPaths(threads: options.threads)
    let timed = reader.isTimed && reader.hasReturns
    let names = FunctionNames(reader, demangler)
    let tree = CallTree(merge(nodes, options.root, names), byCalls: !timed)
    let whole = tree.children[0].reduce(0) { $0 &+ cost(tree, Int($1), timed) }
    let heading = (timed ? right("Total", 12) : "") + right("%", 8) + right("Calls", 12) + "  Function"
    sink.write(options.color.paint(heading, .heading) + "\n")

    // (node, what stands before its name, whether it is the last of its siblings); the next one is the last.
    var waiting: [(node: UInt32, indent: String, isLast: Bool)] = []
    for (place, node) in tree.children[0].enumerated().reversed() {
      waiting.append((node, "", place == tree.children[0].count - 1))
    }
    while let (index, indent, isLast) = waiting.popLast(), !sink.isClosed {
      let node = tree.nodes[Int(index)]
      let isRoot = node.parent == 0
      let branch = isRoot ? "" : indent + (isLast ? "└─ " : "├─ ")
      let share = cost(tree, Int(index), timed)
      var text = ""
      if timed {
        let cell = right(humanDuration(node.total), 12)
        text += durationStyle(node.total).map { options.color.paint(cell, $0) } ?? cell
      }
      text += right(percentText(share, of: whole), 8) + right(String(node.calls), 12)
      text += "  " + options.color.paint(branch, .faint) + names.name(node.function) + "\n"
      sink.write(text)
      // Beyond some depth the tree grows straight down.
      let deeper = isRoot || indent.utf8.count > 400 ? indent : indent + (isLast ? "   " : "│  ")
      let children = tree.children[Int(index)]
      for (place, child) in children.enumerated().reversed() {
        waiting.append((child, deeper, place == children.count - 1))
      }
    }
    if timed == false, reader.isTimed == false {
      sink.write("(no times were recorded: shares are of calls)\n")
    }
    try sink.finish()
    return outcome
  }

  private static func cost(_ tree: CallTree, _ node: Int, _ timed: Bool) -> UInt64 {
    timed ? tree.nodes[node].total : tree.weights[node]
  }

  /// The tree of what is below the outermost matches: their paths begin with them.
  private static func merge(
    _ nodes: [CallPathVisitor.Node], _ root: Glob?, _ names: FunctionNames
  ) -> [CallPathVisitor.Node] {
    guard let root else { return nodes }
    var merged: [CallPathVisitor.Node] = [nodes[0]]
    var place: [UInt64: UInt32] = [:]
    // Where each node went; 0 if it is outside. A parent comes before its children.
    var target = [UInt32](repeating: 0, count: nodes.count)
    var matches: [UInt32: Bool] = [:]
    merged[0].own = 0
    for index in nodes.indices.dropFirst() {
      let node = nodes[index]
      let parent = target[Int(node.parent)]
      if parent == 0 {
        let matched = matches[node.function] ?? root.matches(names.name(node.function))
        matches[node.function] = matched
        guard matched else { continue }
      }
      let key = UInt64(parent) << 32 | UInt64(node.function)
      if let known = place[key] {
        merged[Int(known)].calls &+= node.calls
        merged[Int(known)].total &+= node.total
        merged[Int(known)].own &+= node.own
        target[index] = known
      } else {
        let new = UInt32(merged.count)
        place[key] = new
        merged.append(
          CallPathVisitor.Node(
            function: node.function, parent: parent, calls: node.calls, total: node.total, own: node.own))
        target[index] = new
      }
    }
    return merged
  }
}
