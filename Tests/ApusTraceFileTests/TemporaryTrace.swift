import ApusProbe
import ApusTraceFile
import Glibc
import Testing

/// A file that is removed with this object.
final class TemporaryFile {
  let path: String

  init() {
    let name = (0..<12).map { _ in String(Int.random(in: 0..<36), radix: 36) }.joined()
    path = "/tmp/apus-test-\(name).trace"
  }

  deinit { _ = unsafe unlink(path) }

  /// Its bytes.
  func read() throws -> [UInt8] { try bytes(of: path) }

  /// Replaces its bytes.
  func write(_ bytes: [UInt8]) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    try #require(descriptor >= 0)
    defer { _ = close(descriptor) }
    let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    try #require(count == bytes.count)
  }
}

func bytes(of path: String) throws -> [UInt8] {
  let descriptor = unsafe open(path, O_RDONLY)
  try #require(descriptor >= 0, "cannot open \(path)")
  defer { _ = close(descriptor) }
  var result: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe buffer.withUnsafeMutableBytes {
      unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
    }
    guard count > 0 else { return result }
    result += buffer[..<count]
  }
}

/// The fixtures' directory: beside the test targets.
func fixture(_ name: String, from file: String = #filePath) -> String {
  file.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/" + name
}

/// Numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

let testClock = ClockDescription(
  kind: .timeStampCounter, frequency: 1_000_000_000,
  first: ClockAnchor(counter: 1000, monotonic: 5_000_000, realtime: 1_700_000_000_000_000_000))

extension TraceWriter {
  /// Appends an array.
  func append(
    _ words: [UInt64], thread: UInt32 = 1, process: UInt32 = 1, drainCounter: UInt64
  ) throws(TraceWriteError) {
    let copy = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: words.count)
    defer { unsafe copy.deallocate() }
    _ = unsafe copy.initialize(from: words)
    unsafe try appendEvents(
      thread: thread, process: process, words: UnsafeBufferPointer(copy), drainCounter: drainCounter)
  }
}

extension TraceReader {
  /// All events of each thread, times in ticks.
  func allEvents(order: EventOrder = .file) -> (events: [UInt32: [TraceEvent]], damage: TraceDamage?) {
    var result: [UInt32: [TraceEvent]] = [:]
    let damage = forEachRun(order: order, inTicks: true) { (run: EventRun) in
      unsafe result[run.thread, default: []] += Array(run.events)
    }
    return (result, damage)
  }
}

/// A stream of words and the events that it means, built side by side.
struct RandomStream {
  var words: [UInt64] = []
  var events: [TraceEvent] = []
  var time: UInt64
  private var open: [UInt32] = []

  init(count: Int, start: UInt64, timed: Bool = true, using generator: inout SeededGenerator) {
    time = start
    let mask: UInt64 = (1 << 38) - 1
    var last: UInt64 = timed ? start : 0
    while words.count < count {
      switch UInt32.random(in: 0..<200, using: &generator) {
      case 0: time += UInt64.random(in: 0..<1 << 26, using: &generator)
      case 1: time -= min(time - start, UInt64.random(in: 0..<40, using: &generator))
      case 2...12: time += UInt64.random(in: 200..<100_000, using: &generator)
      default: time += UInt64.random(in: 0..<80, using: &generator)
      }
      let stamp = timed ? time & mask : 0
      let before = last
      last = timed ? max(last, time) : 0
      let big = UInt32.random(in: 0..<50, using: &generator) == 0
      let function = UInt32.random(in: 1..<(big ? 1 << 24 : 300), using: &generator)
      let payload = UInt32.random(in: 0..<6, using: &generator)
      func extended(_ subkind: EventWord.Subkind, _ kind: TraceEvent.Kind, _ payload: UInt32) {
        words.append(EventWord(subkind, payload: UInt64(payload), time: stamp).rawValue)
        events.append(TraceEvent(time: last, value: payload, kind: kind))
      }
      switch UInt32.random(in: 0..<100, using: &generator) {
      case 0..<45:
        words.append(EventWord(.entry, function: function, time: stamp).rawValue)
        events.append(TraceEvent(time: last, value: function, kind: .entry))
        open.append(function)
      case 45..<88:
        let left = open.popLast() ?? function
        words.append(EventWord(.return, function: left, time: stamp).rawValue)
        events.append(TraceEvent(time: last, value: left, kind: .return))
      case 88, 89:
        words.append(EventWord(.return, function: function, time: stamp).rawValue)
        events.append(TraceEvent(time: last, value: function, kind: .return))
      case 90, 91:
        words.append(EventWord(.tail, function: function, time: stamp).rawValue)
        events.append(TraceEvent(time: last, value: function, kind: .tail))
        if !open.isEmpty { open[open.count - 1] = function }
      case 92, 93: extended(.unwound, .unwound, payload)
      case 94: extended(.gap, .gap, payload)
      case 95, 96: extended(.stack, .stack, big ? 262_143 : payload)
      case 97:
        words.append(EventWord(.unmatched, payload: 0, time: stamp).rawValue)
        words.append(UInt64(function) << 1 | 1)
        events.append(TraceEvent(time: last, value: function, kind: .unmatched))
      case 98:
        words.append(EventWord(.padding, payload: 7, time: stamp).rawValue)
        last = before
      default:
        // A run of returns longer than a token can say.
        for _ in 0..<300 {
          words.append(EventWord(.entry, function: 3, time: stamp).rawValue)
          events.append(TraceEvent(time: last, value: 3, kind: .entry))
        }
        for _ in 0..<300 {
          words.append(EventWord(.return, function: 3, time: stamp).rawValue)
          events.append(TraceEvent(time: last, value: 3, kind: .return))
        }
      }
    }
  }
}
