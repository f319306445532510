import ApusCore
package import ApusTraceFile

/// Options of `info`.
package struct InfoOptions: Sendable {
  /// What is written.
  package enum Format: String, Sendable, CaseIterable {
    case text
    case json
  }
  /// The format.
  package var format: Format = .text
  /// Colours, in text.
  package var color: ColorMode = .none

  /// The defaults.
  package init() {}
}

/// `info`: what a trace holds. It reads no events.
package enum InfoReport {
  /// Writes it.
  package static func write(
    _ reader: TraceReader, _ options: InfoOptions, demangler: Demangler, to sink: TextSink
  ) throws(ReportError) {
    switch options.format {
    case .json: writeJSON(reader, FunctionNames(reader, demangler), to: sink)
    case .text: writeText(reader, options.color, to: sink)
    }
    try sink.finish()
  }

  /// From the first event to the last, ns; nil without times.
  static func duration(_ reader: TraceReader) -> UInt64? {
    let timed = reader.chunks.filter { $0.header.flags.contains(.timed) }
    guard let first = timed.map(\.header.firstTime).min(), let last = timed.map(\.header.lastTime).max()
    else {
      return nil
    }
    let scale = reader.clock.scale
    return scale.convert(last) &- scale.convert(first)
  }

  static func level(_ reader: TraceReader) -> String {
    if reader.hasReturns { return "graph" }
    if !reader.chunks.isEmpty { return "entry" }
    return reader.contents.counts.isEmpty ? "none" : "count"
  }

  static func refusals(_ sites: SitesRecord) -> [(reason: String, functions: [SitesRecord.Refusal])] {
    Dictionary(grouping: sites.refused, by: \.reason).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func writeJSON(_ reader: TraceReader, _ names: FunctionNames, to sink: TextSink) {
    let contents = reader.contents
    var json = JSONWriter()
    json.object { json in
      json.member("calls", reader.calls)
      json.member("lost", reader.lost)
      json.member("events", reader.events)
      json.member("threads", contents.threads.count)
      json.member("processes", contents.processes.count)
      json.member("functions", contents.functions.count)
      json.member("duration_ns", duration(reader))
      json.member("bytes", reader.fileSize)
      json.member("level", level(reader))
      json.member("timed", reader.isTimed)
      json.member("complete", reader.isComplete)
      json.array("damage") { json in
        for damage in reader.damage {
          json.object { json in
            json.member("offset", damage.offset)
            json.member("reason", damage.defect.explanation)
          }
        }
      }
      json.array("command") { json in for word in contents.host?.command ?? [] { json.value(word) } }
      json.object("host") { json in
        json.member("name", contents.host?.hostName)
        json.member("kernel", contents.host?.kernel)
        json.member("architecture", contents.host?.architecture)
        json.member("processors", contents.host?.processors)
        json.member("apus", contents.host?.apusVersion)
        json.member("options", contents.host?.options)
      }
      json.object("clock") { json in
        json.member("kind", reader.clock.kind.name)
        json.member("frequency_hz", reader.clock.frequency)
        json.member("start_realtime_ns", reader.clock.first.realtime)
        json.member("start_monotonic_ns", reader.clock.first.monotonic)
      }
      json.object("sites") { json in
        json.member("found", contents.sites?.found ?? 0)
        json.member("enabled", contents.sites?.enabled ?? 0)
        json.member("registers", contents.sites?.registers ?? 0)
        let refused = contents.sites.map(refusals) ?? []
        json.object("refused") { json in
          for (reason, functions) in refused { json.member(reason, functions.count) }
        }
        json.array("refused_functions") { json in
          for (reason, functions) in refused {
            for function in functions {
              json.object { json in
                json.member("name", function.function)
                json.member("module", function.module)
                json.member("reason", reason)
              }
            }
          }
        }
      }
      json.object("slow_paths") { json in
        for path in contents.slowPaths { json.member(path.name, path.count) }
      }
      json.array("lost_by_function") { json in
        for (function, count) in contents.lost.sorted(by: { $0.key < $1.key }) where count > 0 {
          json.object { json in
            json.member("name", names.name(function))
            json.member("module", names.module(function))
            json.member("lost", count)
          }
        }
      }
    }
    sink.write(json.takeBytes())
  }

  private static func writeText(_ reader: TraceReader, _ color: ColorMode, to sink: TextSink) {
    let contents = reader.contents
    func line(_ label: String, _ value: String) {
      sink.write(color.paint(left(label, 14), .heading) + value + "\n")
    }
    line("file", reader.path)
    if let host = contents.host {
      line("command", host.command.joined(separator: " "))
      line("host", "\(host.hostName), \(host.architecture), \(host.processors) processors, \(host.kernel)")
      line("recorded by", "apus \(host.apusVersion) \(host.options)")
    }
    line("level", level(reader) + (reader.isTimed ? ", timed" : ", untimed"))
    line("calls", "\(reader.calls)")
    line("lost", "\(reader.lost)")
    line("threads", "\(contents.threads.count) in \(contents.processes.count) processes")
    line("functions", "\(contents.functions.count)")
    if let duration = duration(reader) { line("duration", humanDuration(duration)) }
    line("clock", "\(reader.clock.kind.name), \(reader.clock.frequency) Hz")
    let perCall = reader.calls == 0 ? "" : ", \(ratio(reader.fileSize, reader.calls)) a call"
    line("bytes", "\(reader.fileSize)\(perCall)")
    if let sites = contents.sites {
      let registers = sites.registers == 0 ? "" : " (\(sites.registers) with registers)"
      line(
        "sites", "\(sites.found) found, \(sites.enabled) enabled\(registers), \(sites.refused.count) refused")
      for (reason, functions) in refusals(sites) {
        sink.write("  \(functions.count) × \(reason):\n")
        for function in functions { sink.write("    \(function.function) [\(function.module)]\n") }
      }
    }
    for path in contents.slowPaths { line(path.name, "\(path.count)") }
    if reader.isComplete {
      line("state", "complete")
    } else if reader.damage.isEmpty {
      line("state", "not finished: the recording was cut short, or still runs")
    }
    for damage in reader.damage { line("damaged", damage.description) }
  }

  /// A quotient with two decimals.
  private static func ratio(_ a: UInt64, _ b: UInt64) -> String {
    let hundredths = a.multipliedReportingOverflow(by: 100).partialValue / b
    return "\(hundredths / 100).\(padded(hundredths % 100, 2))"
  }
}
