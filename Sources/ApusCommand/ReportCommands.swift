internal import ApusCore
internal import ApusReport
internal import ApusTraceFile
package import ArgumentParser

/// `apus report`
package struct ReportCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Show what each function was called and took.")

  enum Sort: String, ExpressibleByArgument, CaseIterable {
    case total, `self`, calls, name
  }
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table, json
  }

  @OptionGroup var trace: TraceArgument
  @Option(help: "What to sort by: total, self, calls or name.") var sort = Sort.total
  @Option(help: "table or json.") var format = Format.table
  @Option(help: "At most so many functions.") var limit: Int?
  @OptionGroup var threads: ThreadOption
  @OptionGroup var color: ColorOption

  package init() {}

  package func validate() throws {
    if let limit, limit < 0 { throw ValidationError("--limit takes a number of 0 or more") }
  }

  package func run() throws {
    let reader = try trace.open()
    var options = SummaryOptions()
    options.sort = SummaryOptions.Sort(rawValue: sort.rawValue) ?? .total
    options.format = format == .json ? .json : .table
    options.limit = limit
    options.threads = threads.selection
    options.color = color.mode
    let chosen = options
    try reporting(reader) { () throws(ReportError) in
      try SummaryReport.write(reader, chosen, demangler: Demangler(), to: standardOutput())
    }
  }
}

/// `apus replay`
package struct ReplayCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Show the calls in order of time.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @OptionGroup var trace: TraceArgument
  @Option(help: "text or json (one object a line).") var format = Format.text
  @OptionGroup var threads: ThreadOption
  @OptionGroup var color: ColorOption

  package init() {}

  package func run() throws {
    let reader = try trace.open(writesMeanwhile: true)
    var options = ReplayOptions()
    options.format = format == .json ? .json : .text
    options.threads = threads.selection
    options.color = color.mode
    let chosen = options
    try reporting(reader) { () throws(ReportError) in
      try ReplayReport.write(reader, chosen, demangler: Demangler(), to: standardOutput())
    }
  }
}

/// `apus graph`
package struct GraphCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Show calls merged by call path.")

  @OptionGroup var trace: TraceArgument
  @Option(help: "Only what the functions that match this pattern call.") var root: String?
  @OptionGroup var threads: ThreadOption
  @OptionGroup var color: ColorOption

  package init() {}

  package func run() throws {
    let reader = try trace.open()
    var options = GraphOptions()
    options.root = root.map { Glob($0) }
    options.threads = threads.selection
    options.color = color.mode
    let chosen = options
    try reporting(reader) { () throws(ReportError) in
      try GraphReport.write(reader, chosen, demangler: Demangler(), to: standardOutput())
    }
  }
}

/// `apus info`
package struct InfoCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show what a trace holds, and what was not recorded.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @OptionGroup var trace: TraceArgument
  @Option(help: "text or json.") var format = Format.text
  @OptionGroup var color: ColorOption

  package init() {}

  package func run() throws {
    let reader = try trace.open()
    var options = InfoOptions()
    options.format = format == .json ? .json : .text
    options.color = color.mode
    let chosen = options
    try reporting(reader) { () throws(ReportError) in
      try InfoReport.write(reader, chosen, demangler: Demangler(), to: standardOutput())
      return nil
    }
    for damage in reader.damage { Diagnostics.note("\(trace.file): \(damage)") }
  }
}

/// `apus export`
package struct ExportCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a trace in another tool's format.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case collapsed, flamegraph, chrome, perfetto
  }

  @OptionGroup var trace: TraceArgument
  @Option(help: "collapsed, flamegraph (SVG), chrome (JSON) or perfetto.") var format: Format
  @Option(name: .shortAndLong, help: "The file to write; - is the standard output.", completion: .file())
  var output: String
  @OptionGroup var threads: ThreadOption

  package init() {}

  package func run() throws {
    let reader = try trace.open(writesMeanwhile: output == "-")
    let sink: TextSink
    if output == "-" {
      do throws(ReportError) { sink = try standardOutput() } catch { throw CommandFailure("\(error)") }
    } else {
      do throws(SinkError) { sink = try TextSink(creating: output) } catch {
        throw CommandFailure("\(error)")
      }
    }
    let selection = threads.selection
    let format = format
    try reporting(reader) { () throws(ReportError) in
      let demangler = Demangler()
      switch format {
      case .collapsed:
        return try CollapsedExport.write(reader, threads: selection, demangler: demangler, to: sink)
      case .flamegraph:
        return try FlameGraphExport.write(reader, threads: selection, demangler: demangler, to: sink)
      case .chrome:
        return try ChromeExport.write(reader, threads: selection, demangler: demangler, to: sink)
      case .perfetto:
        return try PerfettoExport.write(reader, threads: selection, demangler: demangler, to: sink)
      }
    }
  }
}
