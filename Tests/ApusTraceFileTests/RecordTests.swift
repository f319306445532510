import ApusProbe
import ApusSystem
import ApusTraceFile
import Glibc
import Testing

@Suite struct RecordTests {
  @Test func metadataComesBackAndAddsUp() throws {
    let file = TemporaryFile()
    let host = HostRecord(
      command: ["prog", "ä b", ""], hostName: "host", kernel: "Linux 6", architecture: "x86_64",
      processors: 2,
      apusVersion: "0.1", options: "--level graph")
    let process = ProcessRecord(key: 1, pid: 4711, executable: "/bin/prog", start: 3, waitStatus: 0)
    let module = ModuleRecord(key: 2, process: 1, path: "/usr/lib/libx.so.1", buildID: "abcd", bias: .max)
    let functions = (1...70_000).map {
      FunctionRecord(id: $0, module: 2, address: UInt64($0) * 16, size: 12, name: "function_\($0)")
    }
    let refusal = SitesRecord.Refusal(reason: "returns twice", function: "setjmp", module: "/lib/libc.so")
    let writer = try TraceWriter(path: file.path, clock: testClock)
    try writer.add(host: host)
    try writer.add(processes: [process])
    try writer.add(modules: [module])
    try writer.add(functions: functions)
    try writer.add(threads: [ThreadRecord(key: 9, process: 1, tid: 4712, name: "worker", start: 5)])
    try writer.add(threads: [ThreadRecord(key: 9, process: 1, tid: 4712, name: "done", start: 5, end: 0)])
    for _ in 0..<2 {
      try writer.add(counts: [FunctionCount(function: 3, count: 1 << 40)], process: 1, thread: 9)
      try writer.add(lost: [FunctionCount(function: 4, count: 21)], process: 1)
      try writer.add(sites: SitesRecord(found: 10, enabled: 9, refused: [refusal]), process: 1)
      try writer.add(
        slowPaths: [NamedCount(name: "unwound", count: 4), NamedCount(name: "re_armed", count: 1)], process: 1
      )
    }
    try writer.finish(anchor: ClockAnchor(counter: 9, monotonic: 10, realtime: 11))
    let reader = try TraceReader(path: file.path)
    #expect(reader.isComplete)
    let contents = reader.contents
    #expect(contents.host == host)
    #expect(contents.processes == [1: process])
    #expect(contents.modules == [2: module])
    #expect(module.name == "libx.so.1")
    #expect(contents.functions.count == 70_000)
    #expect(contents.functions[69_999] == functions[69_998])
    #expect(contents.threads[9]?.name == "done")
    #expect(contents.threads[9]?.end == 0)
    #expect(contents.counts == [9: [3: 1 << 41]])
    #expect(reader.lost == 42)
    #expect(contents.sites == SitesRecord(found: 20, enabled: 18, refused: [refusal, refusal]))
    #expect(
      contents.slowPaths == [NamedCount(name: "unwound", count: 8), NamedCount(name: "re_armed", count: 2)])
    #expect(reader.clock.last == ClockAnchor(counter: 9, monotonic: 10, realtime: 11))
    #expect(reader.calls == 1 << 41)
  }

  @Test func diskFullIsAnErrorThatStays() throws {
    #expect(throws: TraceWriteError.self) {
      let writer = try TraceWriter(path: "/dev/full", clock: testClock)
      _ = writer
    }
    do {
      _ = try TraceWriter(path: "/nonexistent/x", clock: testClock)
      Issue.record("created")
    } catch {
      guard case .system(let cause) = error.cause else { throw error }
      #expect(cause.call == "open")
      #expect(error.description.contains("No such file"))
    }
  }

  @Test func aFormerFileStaysUntilItIsReplaced() throws {
    let file = TemporaryFile()
    let former = [UInt8](repeating: 7, count: 1 << 16)
    try file.write(former)
    let writer = try TraceWriter(path: file.path, clock: testClock, replacing: false)
    try writer.add(processes: [ProcessRecord(key: 1, pid: 9, executable: "/p", start: 0)])
    try writer.discard()
    #expect(try file.read() == former)
    try writer.replace()
    try writer.replace()
    try writer.discard()
    try writer.finish(anchor: nil)
    let reader = try TraceReader(path: file.path)
    #expect(reader.isComplete && reader.contents.processes.count == 1)
    #expect(reader.fileSize == writer.bytesWritten)
  }

  @Test func aFileThatWasMadeForNothingGoesAway() throws {
    let file = TemporaryFile()
    try TraceWriter(path: file.path, clock: testClock, replacing: false).discard()
    #expect(unsafe access(file.path, F_OK) != 0)
  }

  @Test func whatOthersHavePutInItsPlaceStays() throws {
    let file = TemporaryFile()
    let moved = TemporaryFile()
    let writer = try TraceWriter(path: file.path, clock: testClock, replacing: false)
    #expect(unsafe unlink(file.path) == 0)
    try file.write([1, 2, 3])
    try writer.discard()
    #expect(try file.read() == [1, 2, 3])

    // A link to a file that was not there: the file goes, the link stays.
    let link = TemporaryFile()
    #expect(unsafe symlink(moved.path, link.path) == 0)
    try TraceWriter(path: link.path, clock: testClock, replacing: false).discard()
    #expect(unsafe access(moved.path, F_OK) != 0)
    var status = stat()
    #expect(unsafe lstat(link.path, &status) == 0)
  }

  @Test func twoDoNotWriteOneFile() throws {
    let file = TemporaryFile()
    let link = TemporaryFile()
    #expect(unsafe symlink(file.path, link.path) == 0)
    do {
      let writer = try TraceWriter(path: file.path, clock: testClock)
      try writer.add(processes: [ProcessRecord(key: 1, pid: 9, executable: "/p", start: 0)])
      for path in [file.path, link.path] {
        let error = #expect(throws: TraceWriteError.self) {
          _ = try TraceWriter(path: path, clock: testClock)
        }
        #expect(error?.cause == .inUse && error?.description.contains("another apus") == true)
      }
      try writer.finish(anchor: nil)
    }
    #expect(try TraceReader(path: file.path).contents.processes.count == 1)
    // What is over can be replaced.
    try TraceWriter(path: link.path, clock: testClock).finish(anchor: nil)
    #expect(try TraceReader(path: file.path).contents.processes.isEmpty)
  }

  @Test func whatIsNoFileIsEverybodys() throws {
    let first = try TraceWriter(path: "/dev/null", clock: testClock)
    let second = try TraceWriter(path: "/dev/null", clock: testClock)
    try first.finish(anchor: nil)
    try second.finish(anchor: nil)
  }

  @Test func pendingMemoryIsBounded() throws {
    let file = TemporaryFile()
    let writer = try TraceWriter(path: file.path, clock: testClock, budget: 1 << 20)
    var generator = SeededGenerator(seed: 1)
    // 3000 threads, a few words at a time: far more than the budget in all.
    for _ in 0..<20 {
      for thread in 1...3000 as ClosedRange<UInt32> {
        let words = (0..<8).map { _ in
          EventWord(.entry, function: UInt32.random(in: 1..<9, using: &generator), time: 5000).rawValue
        }
        try writer.append(words, thread: thread, drainCounter: 5000)
      }
    }
    #expect(writer.bytesWritten > 1000)
    for thread in 1...3000 as ClosedRange<UInt32> { try writer.endEvents(thread: thread) }
    try writer.finish(anchor: nil)
    let reader = try TraceReader(path: file.path)
    #expect(reader.events == 480_000)
    #expect(reader.allEvents().events.values.allSatisfy { $0.count == 160 })
  }
}
