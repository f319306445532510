import ApusCore
package import ApusTraceFile

/// Options of `replay`.
package struct ReplayOptions: Sendable {
  /// What is written.
  package enum Format: String, Sendable, CaseIterable {
    case text
    case json
  }
  /// The format.
  package var format: Format = .text
  /// Which threads.
  package var threads = ThreadSelection()
  /// Colours, in text.
  package var color: ColorMode = .none
  /// Where JSON's first pass keeps durations: a directory with room for 8 bytes a call.
  package var temporaryDirectory = "/tmp"

  /// The defaults.
  package init() {}
}

/// `replay`: the calls in order of time.
package enum ReplayReport {
  /// Writes them. In text, a call without calls of its own is one line, written when it ends; in JSON every
  /// call is one object on one line, in order of entry.
  package static func write(
    _ reader: TraceReader, _ options: ReplayOptions, demangler: Demangler, to sink: TextSink
  ) throws(ReportError) -> ReportOutcome {
    let names = FunctionNames(reader, demangler)
    let outcome: ReportOutcome
    switch options.format {
    case .text:
      let visitor = ReplayTextVisitor(names: names, sink: sink, timed: reader.isTimed, color: options.color)
      visitor.heading()
      (_, outcome) = reader.visit(visitor, order: .time, threads: options.threads, for: sink, registers: true)
      { _ in }
    case .json:
      outcome = try writeJSON(reader, options, names, to: sink)
    }
    try sink.finish()
    return outcome
  }

  private static func writeJSON(
    _ reader: TraceReader, _ options: ReplayOptions, _ names: FunctionNames, to sink: TextSink
  ) throws(ReportError) -> ReportOutcome {
    let spill = try DurationSpill(directory: options.temporaryDirectory)
    let first = DurationVisitor(spill: spill)
    _ = try reader.visit(first, order: .time, threads: options.threads) { (_) throws(ReportError) in
      try spill.check()
    }
    try spill.rewind()
    let second = ReplayJSONVisitor(names: names, sink: sink, timed: reader.isTimed, spill: spill)
    let (_, outcome) = try reader.visit(
      second, order: .time, threads: options.threads, for: sink, registers: true
    ) {
      (_) throws(ReportError) in try spill.check()
    }
    return outcome
  }
}

/// Calls as lines with braces.
private struct ReplayTextVisitor: FrameVisitor {
  let names: FunctionNames
  let sink: TextSink
  let timed: Bool
  let color: ColorMode
  private var serial: UInt64 = 0
  /// For each thread the call that was entered last, if its line is not written yet.
  private var pending: [Pending?] = []

  private struct Pending {
    var tag: UInt64
    var function: UInt32
    var depth: UInt32
    var registers: RecordedRegisters?
  }

  init(names: FunctionNames, sink: TextSink, timed: Bool, color: ColorMode) {
    self.names = names
    self.sink = sink
    self.timed = timed
    self.color = color
  }

  func heading() {
    sink.write(color.paint((timed ? right("Duration", 12) : "") + "     Thread   Function", .heading) + "\n")
  }

  private func line(_ duration: UInt64?, _ thread: ThreadState, _ depth: UInt32, _ text: String) {
    guard !sink.isClosed else { return }
    var start = ""
    if timed {
      let cell = right(duration.map(humanDuration) ?? "", 12)
      start = duration.flatMap(durationStyle).map { color.paint(cell, $0) } ?? cell
    }
    start += " [" + right(String(names.tid(thread.key)), 8) + "] "
    // Far down, the indentation stays.
    sink.write(
      start + color.paint("│", .faint) + String(repeating: "  ", count: Int(min(depth, 128))) + " " + text
        + "\n")
  }

  private mutating func writePending(_ thread: ThreadState) {
    guard Int(thread.index) < pending.count, let call = pending[Int(thread.index)] else { return }
    pending[Int(thread.index)] = nil
    line(nil, thread, call.depth, signature(call.function) + " {")
    writeArguments(call, thread)
  }

  /// The registers of integer arguments, on a line of their own.
  private func writeArguments(_ call: Pending, _ thread: ThreadState) {
    guard let registers = call.registers else { return }
    let arguments = registers.names.arguments.filter {
      registers.words.indices.contains(registers.words.startIndex + $0)
    }
    let text = arguments.map {
      registers.names.names[$0] + "=0x" + String(registers.words[registers.words.startIndex + $0], radix: 16)
    }
    line(nil, thread, call.depth, color.paint("  " + text.joined(separator: " "), .faint))
  }

  private func signature(_ function: UInt32) -> String {
    let name = names.name(function)
    return name.hasSuffix(")") ? name : name + "()"
  }

  mutating func enter(
    _ function: UInt32, time: UInt64, depth: UInt32, parent: Frame?, thread: ThreadState, stack: FrameStack
  ) -> UInt64 {
    writePending(thread)
    while pending.count <= Int(thread.index) { pending.append(nil) }
    serial += 1
    pending[Int(thread.index)] = Pending(
      tag: serial, function: function, depth: depth, registers: thread.registers)
    thread.registers = nil
    return serial
  }

  mutating func leave(_ frame: Frame, time: UInt64, end: FrameEnd, thread: ThreadState, stack: FrameStack) {
    let note: String
    switch end {
    case .returned, .unknown: note = ""
    case .unwound: note = "left without returning"
    case .unseen: note = "returned while events were lost"
    case .open: note = "never returned"
    }
    let duration = end == .returned || end == .unwound ? time &- frame.start : nil
    let isLeaf = Int(thread.index) < pending.count && pending[Int(thread.index)]?.tag == frame.tag
    if isLeaf {
      let call = pending[Int(thread.index)]
      pending[Int(thread.index)] = nil
      line(
        duration, thread, frame.depth,
        signature(frame.function) + ";" + (note.isEmpty ? "" : " /* \(note) */"))
      if let call { writeArguments(call, thread) }
    } else {
      // The end of the trace closes frames for a thread that has none of its own left.
      if thread.index != .max { writePending(thread) }
      let name = names.name(frame.function)
      line(duration, thread, frame.depth, "} /* \(name)\(note.isEmpty ? "" : ": " + note) */")
    }
  }

  func spend(_ duration: UInt64, tag: UInt64) {}
}

/// The first pass: how long each call was, by its number in order of entry.
private struct DurationVisitor: FrameVisitor {
  let spill: DurationSpill

  func enter(
    _ function: UInt32, time: UInt64, depth: UInt32, parent: Frame?, thread: ThreadState, stack: FrameStack
  ) -> UInt64 { spill.append() }

  func leave(_ frame: Frame, time: UInt64, end: FrameEnd, thread: ThreadState, stack: FrameStack) {
    if end == .returned || end == .unwound { spill.set(frame.tag, to: time &- frame.start) }
  }

  func spend(_ duration: UInt64, tag: UInt64) {}
}

/// The second pass.
private struct ReplayJSONVisitor: FrameVisitor {
  let names: FunctionNames
  let sink: TextSink
  let timed: Bool
  let spill: DurationSpill
  private var parts: [UInt32: [UInt8]] = [:]
  private var line: [UInt8] = []

  init(names: FunctionNames, sink: TextSink, timed: Bool, spill: DurationSpill) {
    self.names = names
    self.sink = sink
    self.timed = timed
    self.spill = spill
  }

  private mutating func part(_ function: UInt32) -> [UInt8] {
    if let known = parts[function] { return known }
    let bytes = jsonMembers(name: names.name(function), module: names.module(function))
    parts[function] = bytes
    return bytes
  }

  mutating func enter(
    _ function: UInt32, time: UInt64, depth: UInt32, parent: Frame?, thread: ThreadState, stack: FrameStack
  ) -> UInt64 {
    let duration = spill.next()
    let registers = thread.registers
    thread.registers = nil
    guard !sink.isClosed else { return 0 }
    line.removeAll(keepingCapacity: true)
    line.append(contentsOf: "{\"tid\":\(names.tid(thread.key)),\"depth\":\(depth),".utf8)
    line.append(contentsOf: part(function))
    if timed {
      line.append(contentsOf: ",\"start_ns\":".utf8)
      line.append(contentsOf: String(time).utf8)
      line.append(contentsOf: ",\"duration_ns\":".utf8)
      line.append(contentsOf: (duration.map { String($0) } ?? "null").utf8)
    }
    if let registers { append(registers) }
    line.append(contentsOf: "}\n".utf8)
    sink.write(line)
    return 0
  }

  /// `,"regs":{"rax":"0x…",…}`
  private mutating func append(_ registers: RecordedRegisters) {
    var json = JSONWriter()
    json.object { json in
      for (name, word) in zip(registers.names.names, registers.words) {
        json.member(name, "0x" + String(word, radix: 16))
      }
    }
    line.append(contentsOf: ",\"regs\":".utf8)
    line.append(contentsOf: json.bytes.dropLast())
  }

  func leave(_ frame: Frame, time: UInt64, end: FrameEnd, thread: ThreadState, stack: FrameStack) {}
  func spend(_ duration: UInt64, tag: UInt64) {}
}
