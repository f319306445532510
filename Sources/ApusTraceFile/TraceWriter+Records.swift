/// Metadata. It may come at any time, before or after the events it is about, and again: a later record
/// replaces one with the same key; counts add up.
extension TraceWriter {
  /// Payloads are kept well below what a reader refuses.
  private static let recordsPerChunk = 1 << 15

  func write<Record: TraceRecord>(
    _ records: [Record], as kind: ChunkKind = Record.kind, process: UInt32 = 0, thread: UInt32 = 0
  ) throws(TraceWriteError) {
    var start = 0
    while start < records.count {
      let end = min(records.count, start + Self.recordsPerChunk)
      try emit(kind, process: process, thread: thread, payload: TraceRecords.encode(records[start..<end]))
      start = end
    }
  }

  /// The command and the machine.
  package func add(host: HostRecord) throws(TraceWriteError) { try write([host]) }
  /// Processes, new or changed.
  package func add(processes: [ProcessRecord]) throws(TraceWriteError) { try write(processes) }
  /// Modules, new or changed.
  package func add(modules: [ModuleRecord]) throws(TraceWriteError) { try write(modules) }
  /// Functions.
  package func add(functions: [FunctionRecord]) throws(TraceWriteError) { try write(functions) }
  /// Threads, new or ended.
  package func add(threads: [ThreadRecord]) throws(TraceWriteError) { try write(threads) }
  /// Calls made at level count, since the last time.
  package func add(counts: [FunctionCount], process: UInt32, thread: UInt32 = 0) throws(TraceWriteError) {
    try write(counts, as: .counts, process: process, thread: thread)
  }
  /// Calls lost, since the last time.
  package func add(lost: [FunctionCount], process: UInt32, thread: UInt32 = 0) throws(TraceWriteError) {
    try write(lost, as: .lost, process: process, thread: thread)
  }
  /// What became of call sites, since the last time.
  package func add(sites: SitesRecord, process: UInt32) throws(TraceWriteError) {
    try write([sites], process: process)
  }
  /// How often slow paths were taken, since the last time.
  package func add(slowPaths: [NamedCount], process: UInt32) throws(TraceWriteError) {
    try write(slowPaths, process: process)
  }
  /// The clocks at this moment.
  package func add(anchor: ClockAnchor) throws(TraceWriteError) { try write([anchor]) }
}
