import ApusCore
package import ApusTraceFile

/// `export --format chrome`: the Trace Event Format ("JSON object format"): complete events ("X") and
/// metadata ("M").
package enum ChromeExport {
  /// Times are microseconds since the trace's start, with three decimals: exact. Frames that never returned
  /// last to their thread's last event and have `"args":{"open":true}`.
  package static func write(
    _ reader: TraceReader, threads: ThreadSelection, demangler: Demangler, to sink: TextSink
  ) throws(ReportError) -> ReportOutcome {
    sink.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n")
    let names = FunctionNames(reader, demangler)
    var visitor = ChromeVisitor(names: names, sink: sink)
    for process in reader.contents.processes.values.sorted(by: { $0.key < $1.key }) {
      visitor.metadata("process_name", pid: process.pid, tid: process.pid, value: process.executable)
    }
    let keys = threads.keys(in: reader)
    for thread in reader.contents.threads.values.sorted(by: { $0.key < $1.key })
    where keys?.contains(thread.key) ?? true {
      visitor.metadata("thread_name", pid: names.pid(thread.process), tid: thread.tid, value: thread.name)
    }
    let (_, outcome) = reader.visit(visitor, order: .stacks, threads: threads, for: sink) { _ in }
    sink.write("\n]}\n")
    try sink.finish()
    return outcome
  }
}

/// Writes each frame when it is left.
private struct ChromeVisitor: FrameVisitor {
  let names: FunctionNames
  let sink: TextSink
  private var quoted: [UInt32: [UInt8]] = [:]
  private var places: [UInt32: [UInt8]] = [:]
  private var keys: [(thread: UInt32, process: UInt32)] = []
  private var isFirst = true
  private var line: [UInt8] = []

  init(names: FunctionNames, sink: TextSink) {
    self.names = names
    self.sink = sink
  }

  mutating func metadata(_ kind: String, pid: UInt32, tid: UInt32, value: String) {
    var json = JSONWriter()
    json.object { json in
      json.member("ph", "M")
      json.member("name", kind)
      json.member("pid", pid)
      json.member("tid", tid)
      json.object("args") { $0.member("name", value) }
    }
    sink.write((isFirst ? "" : ",\n") + String(decoding: json.bytes.dropLast(), as: UTF8.self))
    isFirst = false
  }

  func spend(_ duration: UInt64, tag: UInt64) {}

  mutating func enter(
    _ function: UInt32, time: UInt64, depth: UInt32, parent: Frame?, thread: ThreadState, stack: FrameStack
  ) -> UInt64 {
    while keys.count <= Int(thread.index) { keys.append((0, 0)) }
    keys[Int(thread.index)] = (thread.key, thread.process)
    return 0
  }

  mutating func leave(_ frame: Frame, time: UInt64, end: FrameEnd, thread: ThreadState, stack: FrameStack) {
    guard !sink.isClosed else { return }
    line.removeAll(keepingCapacity: true)
    if !isFirst { line.append(contentsOf: [0x2C, 0x0A]) }
    isFirst = false
    line.append(contentsOf: "{\"ph\":\"X\",\"name\":".utf8)
    line.append(contentsOf: quotedName(frame.function))
    line.append(contentsOf: place(frame.thread))
    line.append(contentsOf: ",\"ts\":".utf8)
    microseconds(frame.start)
    line.append(contentsOf: ",\"dur\":".utf8)
    microseconds(time &- frame.start)
    if end == .open || end == .unknown { line.append(contentsOf: ",\"args\":{\"open\":true}".utf8) }
    if end == .unwound { line.append(contentsOf: ",\"args\":{\"unwound\":true}".utf8) }
    line.append(UInt8(ascii: "}"))
    sink.write(line)
  }

  private mutating func microseconds(_ nanoseconds: UInt64) {
    line.append(contentsOf: String(nanoseconds / 1000).utf8)
    let rest = nanoseconds % 1000
    guard rest > 0 else { return }
    line.append(contentsOf: ".\(padded(rest, 3))".utf8)
  }

  private mutating func quotedName(_ function: UInt32) -> [UInt8] {
    if let known = quoted[function] { return known }
    var json = JSONWriter()
    json.value(names.name(function))
    let text = Array(json.bytes.dropLast())
    quoted[function] = text
    return text
  }

  private mutating func place(_ thread: UInt32) -> [UInt8] {
    if let known = places[thread] { return known }
    let key = keys[Int(thread)]
    let text = Array(",\"pid\":\(names.pid(key.process)),\"tid\":\(names.tid(key.thread))".utf8)
    places[thread] = text
    return text
  }
}
