import ApusProbe
import ApusTraceFile
import Glibc
import Testing

/// Files of every version of the format must read the same for ever.
@Suite struct GoldenTests {
  /// What the golden file of version 1 was made from.
  static func write(to path: String) throws {
    let writer = try TraceWriter(path: path, clock: testClock)
    try writer.add(
      host: HostRecord(
        command: ["golden", "--all"], hostName: "host", kernel: "Linux", architecture: "x86_64",
        processors: 2,
        apusVersion: "1", options: ""))
    try writer.add(processes: [ProcessRecord(key: 1, pid: 100, executable: "/bin/golden", start: 1000)])
    try writer.add(modules: [
      ModuleRecord(key: 1, process: 1, path: "/bin/golden", buildID: "00ff", bias: 4096)
    ])
    try writer.add(functions: [
      FunctionRecord(id: 1, module: 1, address: 16, size: 8, name: "main"),
      FunctionRecord(id: 300, module: 1, address: 32, size: 8, name: "_Z4leafv"),
    ])
    try writer.add(threads: [ThreadRecord(key: 1, process: 1, tid: 100, name: "golden", start: 1000)])
    var generator = SeededGenerator(seed: 1)
    let stream = RandomStream(count: 400, start: 1 << 41, using: &generator)
    try writer.append(stream.words, drainCounter: stream.time + 100)
    try writer.flush()
    try writer.setMode(returns: false, timed: false)
    try writer.append([EventWord(.entry, function: 300, time: 0).rawValue], thread: 2, drainCounter: 0)
    try writer.add(counts: [FunctionCount(function: 1, count: 5)], process: 1)
    try writer.add(lost: [FunctionCount(function: 300, count: 6)], process: 1)
    try writer.add(
      sites: SitesRecord(
        found: 3, enabled: 2, refused: [SitesRecord.Refusal(reason: "why", function: "f", module: "m")]),
      process: 1)
    try writer.add(slowPaths: [NamedCount(name: "unwound", count: 7)], process: 1)
    try writer.finish(anchor: ClockAnchor(counter: 2000, monotonic: 5_001_000, realtime: 3))
  }

  /// All that a reader knows, as text.
  static func listing(_ reader: TraceReader) -> String {
    var lines: [String] = []
    let contents = reader.contents
    lines.append(
      "complete \(reader.isComplete) calls \(reader.calls) events \(reader.events) lost \(reader.lost)")
    lines.append("clock \(reader.clock.kind.name) \(reader.clock.frequency)")
    for anchor in [reader.clock.first, reader.clock.last].compactMap(\.self) {
      lines.append("anchor \(anchor.counter) \(anchor.monotonic) \(anchor.realtime)")
    }
    if let host = contents.host {
      lines.append(
        "host \(host.command) \(host.hostName) \(host.kernel) \(host.architecture) \(host.processors)")
    }
    for (key, process) in contents.processes {
      lines.append("process \(key) \(process.pid) \(process.executable)")
    }
    for (key, module) in contents.modules {
      lines.append("module \(key) \(module.process) \(module.path) \(module.buildID) \(module.bias)")
    }
    for (id, function) in contents.functions.sorted(by: { $0.key < $1.key }) {
      lines.append("function \(id) \(function.module) \(function.address) \(function.size) \(function.name)")
    }
    for (key, thread) in contents.threads {
      lines.append("thread \(key) \(thread.process) \(thread.tid) \(thread.name)")
    }
    lines.append("counts \(contents.counts) lost \(contents.lost)")
    if let sites = contents.sites {
      let refused = sites.refused.map { "\($0.reason) \($0.function) \($0.module)" }
      lines.append(
        "sites \(sites.found) \(sites.enabled) \(refused)"
      )
    }
    for path in contents.slowPaths { lines.append("slow \(path.name) \(path.count)") }
    for (thread, events) in reader.allEvents().events.sorted(by: { $0.key < $1.key }) {
      for event in events { lines.append("\(thread) \(event.time) \(event.kind) \(event.value)") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  @Test func version1ReadsAsEver() throws {
    let expected = String(decoding: try bytes(of: fixture("version1.txt")), as: UTF8.self)
    #expect(Self.listing(try TraceReader(path: fixture("version1.trace"))) == expected)
  }

  @Test func todaysWriterMeansTheSame() throws {
    let file = TemporaryFile()
    try Self.write(to: file.path)
    let expected = String(decoding: try bytes(of: fixture("version1.txt")), as: UTF8.self)
    #expect(Self.listing(try TraceReader(path: file.path)) == expected)
  }

  /// Makes the fixtures, for a new version only: APUS_WRITE_FIXTURES=DIRECTORY.
  @Test(.enabled(if: unsafe getenv("APUS_WRITE_FIXTURES") != nil))
  func writeFixtures() throws {
    let directory = unsafe String(cString: try #require(unsafe getenv("APUS_WRITE_FIXTURES")))
    try Self.write(to: directory + "/version1.trace")
    let text = Self.listing(try TraceReader(path: directory + "/version1.trace"))
    let output = unsafe try #require(fopen(directory + "/version1.txt", "w"))
    unsafe fputs(text, output)
    unsafe fclose(output)
  }
}
