/// One moment, by the processor's counter and by CLOCK_MONOTONIC.
package struct ClockAnchor: Sendable, Hashable {
  /// The counter, in ticks.
  package var counter: UInt64
  /// CLOCK_MONOTONIC, in nanoseconds.
  package var nanoseconds: UInt64

  /// Makes an anchor of values that were read before.
  package init(counter: UInt64, nanoseconds: UInt64) {
    self.counter = counter
    self.nanoseconds = nanoseconds
  }

  /// The present moment: the closest of some attempts, each with the clock read between two counter reads.
  package static func now() -> ClockAnchor {
    var best = ClockAnchor(counter: 0, nanoseconds: 0)
    var narrowest = UInt64.max
    for _ in 0..<16 {
      let before = ProcessorCounter.read()
      let nanoseconds = Clock.monotonic.now()
      let after = ProcessorCounter.read()
      let width = after &- before
      if width < narrowest {
        narrowest = width
        best = ClockAnchor(counter: before &+ width / 2, nanoseconds: nanoseconds)
      }
    }
    return best
  }
}

/// Turns counter ticks into nanoseconds and back, along the line through two anchors.
package struct CounterClock: Sendable, Hashable {
  /// The earlier anchor: where both scales are exact.
  package let first: ClockAnchor
  /// Nanoseconds per tick.
  package let nanosecondsPerTick: Double

  /// The line through two anchors.
  ///
  /// - Returns: nil when they are the same moment, or out of order: there is no line then.
  package init?(first: ClockAnchor, last: ClockAnchor) {
    guard last.counter > first.counter, last.nanoseconds > first.nanoseconds else { return nil }
    self.first = first
    nanosecondsPerTick = Double(last.nanoseconds - first.nanoseconds) / Double(last.counter - first.counter)
  }

  /// The length of `ticks`, in nanoseconds, rounded.
  package func duration(ofTicks ticks: UInt64) -> UInt64 {
    Self.clamped((Double(ticks) * nanosecondsPerTick).rounded())
  }

  /// CLOCK_MONOTONIC at a counter value, before the first anchor too; 0 at the least.
  package func nanoseconds(atCounter counter: UInt64) -> UInt64 {
    let elapsed = Int64(bitPattern: counter &- first.counter)
    let moved = (Double(elapsed) * nanosecondsPerTick).rounded()
    return moved < 0
      ? first.nanoseconds - min(first.nanoseconds, Self.clamped(-moved))
      : first.nanoseconds &+ Self.clamped(moved)
  }

  /// The number of ticks in `nanoseconds`, rounded.
  package func ticks(inNanoseconds nanoseconds: UInt64) -> UInt64 {
    Self.clamped((Double(nanoseconds) / nanosecondsPerTick).rounded())
  }

  private static func clamped(_ value: Double) -> UInt64 {
    value >= 0x1p63 ? UInt64(Int64.max) : value > 0 ? UInt64(value) : 0
  }
}
