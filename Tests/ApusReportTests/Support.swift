import ApusProbe
import ApusReport
import ApusTraceFile
import Glibc
import Testing

/// A file that is removed with this object.
final class TemporaryFile {
  let path: String

  init() {
    let name = (0..<12).map { _ in String(Int.random(in: 0..<36), radix: 36) }.joined()
    path = "/tmp/apus-test-\(name)"
  }

  deinit { _ = unsafe unlink(path) }

  /// Its contents.
  func text() throws -> String {
    let descriptor = unsafe open(path, O_RDONLY)
    try #require(descriptor >= 0)
    defer { _ = close(descriptor) }
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return String(decoding: result, as: UTF8.self) }
      result += buffer[..<count]
    }
  }
}

/// Numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// An event of a made-up trace.
enum Step: Sendable {
  case enter(UInt32)
  case leave(UInt32)
  case tail(UInt32)
  case unwound(UInt64)
  case gap(UInt64)
  case stack(UInt64)
  case unmatched(UInt32)

  func words(_ time: UInt64) -> [UInt64] {
    switch self {
    case .enter(let function): [EventWord(.entry, function: function, time: time).rawValue]
    case .leave(let function): [EventWord(.return, function: function, time: time).rawValue]
    case .tail(let function): [EventWord(.tail, function: function, time: time).rawValue]
    case .unwound(let count): [EventWord(.unwound, payload: count, time: time).rawValue]
    case .gap(let count): [EventWord(.gap, payload: count, time: time).rawValue]
    case .stack(let index): [EventWord(.stack, payload: index, time: time).rawValue]
    case .unmatched(let function):
      [EventWord(.unmatched, payload: 0, time: time).rawValue, UInt64(function) << 1 | 1]
    }
  }
}

/// Writes a trace whose clock is in nanoseconds, and opens it.
func makeTrace(
  _ events: [(thread: UInt32, time: UInt64, step: Step)], at file: TemporaryFile, timed: Bool = true,
  returns: Bool = true, flushEvery: Int = .max
) throws -> TraceReader {
  let clock = ClockDescription(
    kind: .timeStampCounter, frequency: 1_000_000_000,
    first: ClockAnchor(counter: 0, monotonic: 1_000_000, realtime: 0))
  let writer = try TraceWriter(path: file.path, clock: clock)
  try writer.setMode(returns: returns, timed: timed)
  try writer.add(processes: [ProcessRecord(key: 1, pid: 7, executable: "/bin/p", start: 0)])
  try writer.add(modules: [ModuleRecord(key: 1, process: 1, path: "/bin/p", buildID: "", bias: 0)])
  try writer.add(
    functions: (1...40).map {
      FunctionRecord(id: $0, module: 1, address: UInt64($0), size: 1, name: "f\($0)")
    })
  for thread in Set(events.map(\.thread)).sorted() {
    try writer.add(threads: [ThreadRecord(key: thread, process: 1, tid: 70 + thread, name: "t", start: 0)])
  }
  for (index, event) in events.enumerated() {
    let words = event.step.words(timed ? event.time : 0)
    let copy = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: words.count)
    defer { unsafe copy.deallocate() }
    _ = unsafe copy.initialize(from: words)
    unsafe try writer.appendEvents(
      thread: event.thread, process: 1, words: UnsafeBufferPointer(copy), drainCounter: timed ? event.time : 0
    )
    if index % flushEvery == flushEvery - 1 { try writer.flush() }
  }
  try writer.finish(anchor: nil)
  return try TraceReader(path: file.path)
}

/// What a report writes.
func output(_ body: (TextSink) throws -> Void) throws -> String {
  let file = TemporaryFile()
  try body(try TextSink(creating: file.path))
  return try file.text()
}

/// A member of one of our JSON lines.
func member(_ name: String, of line: Substring) -> String {
  guard let key = line.firstRange(of: "\"\(name)\":") else { return "missing" }
  return String(line[key.upperBound...].prefix { $0 != "," && $0 != "}" })
}
