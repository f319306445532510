internal import ApusSystem
internal import ApusTraceFile

/// The counter that events are stamped with: this machine's, or another's, whose value is known by an estimate.
struct TargetClock: Sendable {
  /// In Hz; the trace's last anchor improves on it.
  let frequency: UInt64
  /// When that was found.
  let start: ApusTraceFile.ClockAnchor
  /// Whether it is the counter that we read.
  let isLocal: Bool

  /// The counter now.
  func counter() -> UInt64 {
    if isLocal { return ProcessorCounter.read() }
    let seconds = Double(Clock.monotonic.now() &- start.monotonic) / 1e9
    return start.counter &+ UInt64(max(0, seconds * Double(frequency)))
  }

  /// A value that the counter has not gone beyond when this returns, and is near to it: a second beyond the estimate, and a
  /// thousandth of the time since the start, since the frequency may be as wrong.
  func bound() -> UInt64 {
    if isLocal { return ProcessorCounter.read() }
    let now = counter()
    return now &+ frequency &+ (now &- start.counter) / 1000
  }

  /// A value that the counter had reached when this was called; as near to it.
  func floor() -> UInt64 {
    if isLocal { return ProcessorCounter.read() }
    let now = counter()
    return now &- min(now, frequency &+ (now &- start.counter) / 1000)
  }

  /// Whether the counter goes on: not in every emulator.
  var isRunning: Bool { frequency > 1000 }
}
