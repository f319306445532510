internal import ApusCore
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
    var gaveUp: UInt64 = 0
    do throws(RecordError) { if !copiesRings { try readTotals() } } catch { failure = failure ?? error }
    if let totals = copies.totals {
      for (function, missing) in totals.lost.enumerated() where missing != 0 {
        lost.append(FunctionCount(function: UInt32(function), count: missing))
      }
      if options.level == .count {
        for (function, shared) in totals.shared.enumerated() where counts[function] + shared != 0 {
          counted.append(FunctionCount(function: UInt32(function), count: counts[function] + shared))
        }
      }
      slowPaths = totals.slowPaths
      gaveUp = slowPaths.first { $0.name == SharedControl.Counter.gaveUp.name }?.count ?? 0
    }
    noteUnread()
    if !hookFailures.isEmpty {
      note("hooks that could not be set: \(hookFailures.joined(separator: "; "))")
    }
    if gaveUp > 0 {
      note("the program waited ten seconds for room in vain, \(gaveUp) times: calls were lost then")
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
        try writer.finish(anchor: copies.anchor ?? system.anchor(on: nil))
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

  /// Reads what the trampolines have counted, from where it stands now.
  func readTotals() throws(RecordError) {
    guard let memory else { return }
    let number = Int(functionCount) + 1
    copies.totals = try lifting { () throws(LiveTextError) in
      var slowPaths: [NamedCount] = []
      for counter in SharedControl.Counter.allCases {
        slowPaths.append(NamedCount(name: counter.name, count: try memory.counter(counter)))
      }
      return Totals(
        lost: try memory.words(memory.layout.lostCalls, number),
        shared: options.level == .count ? try memory.words(memory.layout.sharedCounts, number) : [],
        slowPaths: slowPaths)
    }
  }
}

/// What the trampolines have counted: by function, and of the slow paths.
struct Totals {
  var lost: [UInt64]
  /// Calls at count level of threads without counters.
  var shared: [UInt64]
  var slowPaths: [NamedCount]
}
