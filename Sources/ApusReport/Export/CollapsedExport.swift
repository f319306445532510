package import ApusTraceFile

/// `export --format collapsed`: folded stacks, one line a call path, as Brendan Gregg's flame graph tools
/// read them.
package enum CollapsedExport {
  /// Each line: the functions from the outermost on, with ";" between them, and the self time in ns, or the
  /// number of calls if there are no times. Paths that took no time are left out.
  package static func write(
    _ reader: TraceReader, threads: ThreadSelection, demangler: Demangler, to sink: TextSink
  ) throws(ReportError) -> ReportOutcome {
    let (nodes, outcome) = reader.callPaths(threads: threads)
    let timed = reader.isTimed && reader.hasReturns
    let names = FunctionNames(reader, demangler)
    for node in nodes.dropFirst() {
      let value = timed ? node.own : node.calls
      guard value > 0 else { continue }
      var path: [String] = []
      var at = node
      while true {
        path.append(frameName(names.name(at.function)))
        if at.parent == 0 { break }
        at = nodes[Int(at.parent)]
      }
      sink.write(path.reversed().joined(separator: ";") + " \(value)\n")
      if sink.isClosed { break }
    }
    try sink.finish()
    return outcome
  }

  /// ";" and line ends have a meaning in the format.
  private static func frameName(_ name: String) -> String {
    guard name.utf8.contains(where: { $0 == UInt8(ascii: ";") || $0 == 10 || $0 == 13 }) else { return name }
    return String(name.map { $0 == ";" ? ":" : $0.isNewline ? " " : $0 })
  }
}
