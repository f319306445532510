import ApusCore
package import ApusTraceFile

/// Options of `report`.
package struct SummaryOptions: Sendable {
  /// What rows are sorted by; the largest first, names alphabetically.
  package enum Sort: String, Sendable, CaseIterable {
    case total
    case own = "self"
    case calls
    case name
  }

  /// What is written.
  package enum Format: String, Sendable, CaseIterable {
    case table
    case json
  }

  /// The order.
  package var sort: Sort = .total
  /// The format.
  package var format: Format = .table
  /// Which threads.
  package var threads = ThreadSelection()
  /// At most so many rows.
  package var limit: Int?
  /// Colours, in a table.
  package var color: ColorMode = .none

  /// The defaults.
  package init() {}
}

/// `report`: what each function was called and took.
package enum SummaryReport {
  private struct Line {
    var name: String
    var module: String
    var sums: FunctionStatistics
  }

  /// Writes the report.
  package static func write(
    _ reader: TraceReader, _ options: SummaryOptions, demangler: Demangler, to sink: TextSink
  ) throws(ReportError) -> ReportOutcome {
    var (sums, outcome) = reader.statistics(threads: options.threads)
    // Functions all of whose calls were lost have their rows too.
    let recorded = Set(sums.map(\.function))
    for (function, count) in reader.contents.lost.sorted(by: { $0.key < $1.key })
    where count > 0 && !recorded.contains(function) {
      sums.append(FunctionStatistics(function: function))
    }
    let names = FunctionNames(reader, demangler)
    var lines = sums.map {
      Line(name: names.name($0.function), module: names.module($0.function), sums: $0)
    }
    lines.sort { a, b in
      func tie() -> Bool { (a.name, a.module, a.sums.function) < (b.name, b.module, b.sums.function) }
      func by(_ x: UInt64, _ y: UInt64) -> Bool {
        if x != y { return x > y }
        return a.sums.calls != b.sums.calls ? a.sums.calls > b.sums.calls : tie()
      }
      switch options.sort {
      case .total: return by(a.sums.total, b.sums.total)
      case .own: return by(a.sums.own, b.sums.own)
      case .calls: return by(a.sums.calls, b.sums.calls)
      case .name: return tie()
      }
    }
    let shown = lines.prefix(max(0, options.limit ?? .max))
    let timed = reader.isTimed && reader.hasReturns
    switch options.format {
    case .json: writeJSON(shown, reader, names, timed: timed, to: sink)
    case .table:
      writeTable(shown, timed: timed, options.color, to: sink)
      if shown.count < lines.count { sink.write("… and \(lines.count - shown.count) more functions\n") }
      if reader.lost > 0 { sink.write("\(reader.lost) calls were lost and are not in this table\n") }
    }
    try sink.finish()
    return outcome
  }

  private static func writeJSON(
    _ lines: some Sequence<Line>, _ reader: TraceReader, _ names: FunctionNames, timed: Bool,
    to sink: TextSink
  ) {
    var json = JSONWriter()
    json.beginArray()
    for line in lines {
      json.object { json in
        json.member("name", line.name)
        json.member("module", line.module)
        json.member("path", names.path(line.sums.function))
        json.member("address", names.address(line.sums.function))
        json.member("calls", line.sums.calls)
        if reader.lost > 0 { json.member("lost", reader.contents.lost[line.sums.function] ?? 0) }
        if timed {
          json.member("total_ns", line.sums.total)
          json.member("self_ns", line.sums.own)
          json.member("min_ns", line.sums.least)
          json.member("max_ns", line.sums.most)
        }
      }
      sink.write(json.takeBytes())
    }
    json.endArray()
    sink.write(json.takeBytes())
  }

  private static func writeTable(
    _ lines: some Sequence<Line>, timed: Bool, _ color: ColorMode, to sink: TextSink
  ) {
    func cell(_ time: UInt64?) -> String {
      guard let time else { return right("-", 12) }
      let text = right(humanDuration(time), 12)
      return durationStyle(time).map { color.paint(text, $0) } ?? text
    }
    let times = timed ? right("Total", 12) + right("Self", 12) + right("Min", 12) + right("Max", 12) : ""
    let heading = times + right("Calls", 12) + "  Function"
    sink.write(color.paint(heading, .heading) + "\n")
    for line in lines {
      var text = ""
      if timed {
        text += cell(line.sums.total) + cell(line.sums.own) + cell(line.sums.least) + cell(line.sums.most)
      }
      text += right(String(line.sums.calls), 12) + "  " + line.name
      if !line.module.isEmpty { text += " " + color.paint("[\(line.module)]", .faint) }
      sink.write(text + "\n")
      if sink.isClosed { return }
    }
  }
}
