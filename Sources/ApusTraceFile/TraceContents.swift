import ApusCore

/// Everything in a trace but its events: what the metadata chunks add up to.
package struct TraceContents: Sendable {
  /// The command and the machine.
  package var host: HostRecord?
  /// Processes by key.
  package var processes: [UInt32: ProcessRecord] = [:]
  /// Modules by key.
  package var modules: [UInt32: ModuleRecord] = [:]
  /// Functions by identifier.
  package var functions: [UInt32: FunctionRecord] = [:]
  /// Threads by key.
  package var threads: [UInt32: ThreadRecord] = [:]
  /// Calls counted at level count: by thread key (0: not told apart), then by function.
  package var counts: [UInt32: [UInt32: UInt64]] = [:]
  /// Lost calls by function.
  package var lost: [UInt32: UInt64] = [:]
  /// Call sites, all processes together; nil if the file does not say.
  package var sites: SitesRecord?
  /// Slow paths in the order in which they were first named, all processes together.
  package var slowPaths: [NamedCount] = []
  /// The last anchor.
  package var lastAnchor: ClockAnchor?

  /// Takes a chunk in.
  mutating func take(_ kind: ChunkKind, _ header: ChunkHeader, _ payload: [UInt8]) throws(ByteError) {
    switch kind {
    case .host: try TraceRecords.decode(HostRecord.self, payload) { host = $0 }
    case .processes: try TraceRecords.decode(ProcessRecord.self, payload) { processes[$0.key] = $0 }
    case .modules: try TraceRecords.decode(ModuleRecord.self, payload) { modules[$0.key] = $0 }
    case .functions: try TraceRecords.decode(FunctionRecord.self, payload) { functions[$0.id] = $0 }
    case .threads: try TraceRecords.decode(ThreadRecord.self, payload) { threads[$0.key] = $0 }
    case .counts:
      try TraceRecords.decode(FunctionCount.self, payload) {
        counts[header.thread, default: [:]][$0.function, default: 0] &+= $0.count
      }
    case .lost:
      try TraceRecords.decode(FunctionCount.self, payload) { lost[$0.function, default: 0] &+= $0.count }
    case .sites: try TraceRecords.decode(SitesRecord.self, payload) { add($0) }
    case .slowPaths: try TraceRecords.decode(NamedCount.self, payload) { add($0) }
    case .anchor: try TraceRecords.decode(ClockAnchor.self, payload) { lastAnchor = $0 }
    case .events, .end, .payloads: break
    }
  }

  private mutating func add(_ more: SitesRecord) {
    guard var sum = sites else { return sites = more }
    sum.found &+= more.found
    sum.enabled &+= more.enabled
    sum.refused += more.refused
    sum.registers &+= more.registers
    sites = sum
  }

  private mutating func add(_ more: NamedCount) {
    if let index = slowPaths.firstIndex(where: { $0.name == more.name }) {
      slowPaths[index].count &+= more.count
    } else {
      slowPaths.append(more)
    }
  }
}
