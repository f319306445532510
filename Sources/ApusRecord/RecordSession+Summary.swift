internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile

extension RecordSession {
  /// Empties what is left, writes the totals, and closes the trace.
  func finish() -> RecordResult {
    var failure = self.failure
    do throws(RecordError) {
      for thread in threads.keys.sorted() { try end(thread: thread) }
    } catch { failure = failure ?? error }
    worker?.send(.stop)
    worker?.waitUntilStopped()
    if failure == nil, let error = worker?.failure { failure = .trace(error) }

    var lost: [FunctionCount] = []
    var counted: [FunctionCount] = []
    var slowPaths: [NamedCount] = []
    if let memory {
      for function in 0...Int(functionCount) {
        let missing = memory.word(memory.layout.lostCalls, function)
        if missing != 0 { lost.append(FunctionCount(function: UInt32(function), count: missing)) }
        guard options.level == .count else { continue }
        let calls = counts[function] + memory.word(memory.layout.sharedCounts, function)
        if calls != 0 { counted.append(FunctionCount(function: UInt32(function), count: calls)) }
      }
      slowPaths = SharedControl.Counter.allCases.map {
        NamedCount(name: $0.name, count: memory.counter($0))
      }
    }
    if !hookFailures.isEmpty {
      note("hooks that could not be set: \(hookFailures.joined(separator: "; "))")
    }
    if let memory, memory.counter(.gaveUp) > 0 {
      note(
        "the program waited ten seconds for room in vain, \(memory.counter(.gaveUp)) times: calls were lost then"
      )
    }
    if failure == nil, !recordsAnything { failure = .nothingChosen(sites: usableSites) }
    if failure == nil {
      do throws(TraceWriteError) {
        if !counted.isEmpty { try writer.add(counts: counted, process: Self.processKey) }
        if !lost.isEmpty { try writer.add(lost: lost, process: Self.processKey) }
        try writer.add(sites: sites, process: Self.processKey)
        try writer.flush()
        if options.level == .graph {
          slowPaths.append(NamedCount(name: "tail_calls", count: writer.tailCalls))
        }
        try writer.add(slowPaths: slowPaths, process: Self.processKey)
        try writer.finish(anchor: Self.anchor())
      } catch { failure = .trace(error) }
    }
    var refused: [String: Int] = [:]
    for refusal in sites.refused { refused[refusal.reason, default: 0] += 1 }
    return RecordResult(
      status: status ?? .exited(125),
      calls: options.level == .count ? counted.reduce(0) { $0 + $1.count } : worker?.calls ?? 0,
      lost: lost.reduce(0) { $0 + $1.count }, threads: Int(threadCount), functions: Int(functionCount),
      traceBytes: writer.bytesWritten, refused: refused.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      notes: notes, failure: failure)
  }
}
