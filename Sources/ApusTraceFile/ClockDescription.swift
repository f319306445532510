package import ApusCore

/// The same moment on three clocks.
package struct ClockAnchor: Sendable, Hashable {
  /// The counter that events are stamped with.
  package var counter: UInt64
  /// CLOCK_MONOTONIC, ns.
  package var monotonic: UInt64
  /// CLOCK_REALTIME, ns since 1970.
  package var realtime: UInt64

  /// An anchor.
  package init(counter: UInt64, monotonic: UInt64, realtime: UInt64) {
    self.counter = counter
    self.monotonic = monotonic
    self.realtime = realtime
  }
}

/// What the times of a trace mean.
package struct ClockDescription: Sendable, Hashable {
  /// Which counter.
  package enum Kind: UInt32, Sendable, CaseIterable {
    /// No times.
    case none = 0
    /// x86's time-stamp counter.
    case timeStampCounter = 1
    /// arm's CNTVCT_EL0.
    case genericTimer = 2
    /// Power's timebase.
    case timebase = 3

    /// The counter that trampolines of an architecture read.
    package static func counter(of architecture: Architecture) -> Kind {
      switch architecture {
      case .x86_64: .timeStampCounter
      case .arm64: .genericTimer
      case .ppc64le: .timebase
      }
    }

    /// As `info` shows it.
    package var name: String {
      switch self {
      case .none: "none"
      case .timeStampCounter: "tsc"
      case .genericTimer: "cntvct"
      case .timebase: "timebase"
      }
    }
  }

  /// Which counter.
  package var kind: Kind
  /// Its frequency in Hz, as well as it was known at the start.
  package var frequency: UInt64
  /// Taken before the first event.
  package var first: ClockAnchor
  /// Taken last, if the trace has one.
  package var last: ClockAnchor?

  /// A clock.
  package init(kind: Kind, frequency: UInt64, first: ClockAnchor, last: ClockAnchor? = nil) {
    self.kind = kind
    self.frequency = frequency
    self.first = first
    self.last = last
  }

  /// How to make nanoseconds of ticks: by the first and the last anchor if they are at least 10 ms apart,
  /// else by the estimated frequency.
  package var scale: ClockScale {
    if let last, last.counter > first.counter, last.monotonic > first.monotonic,
      last.monotonic &- first.monotonic >= 10_000_000
    {
      let nanoseconds = last.monotonic &- first.monotonic
      let ticks = last.counter &- first.counter
      // Less than 2^32 ns a tick, or the anchors make no sense.
      if nanoseconds / ticks < 1 << 16 {
        return ClockScale(
          origin: first.counter,
          multiplier: ticks.dividingFullWidth((nanoseconds >> 32, nanoseconds << 32)).quotient)
      }
    }
    guard frequency >= 1 << 16 else { return ClockScale(origin: first.counter, multiplier: 1 << 32) }
    return ClockScale(
      origin: first.counter,
      multiplier: frequency.dividingFullWidth((1_000_000_000 >> 32, 1_000_000_000 << 32)).quotient)
  }
}

/// Makes nanoseconds since the first anchor of counter values. Every report uses the same, once for each
/// event, so that their sums agree to the nanosecond.
package struct ClockScale: Sendable, Hashable {
  /// The counter at zero nanoseconds.
  package let origin: UInt64
  /// Nanoseconds a tick, times 2^32.
  package let multiplier: UInt64

  /// Leaves ticks as they are.
  static let ticks = ClockScale(origin: 0, multiplier: 1 << 32)

  /// Nanoseconds; 0 for what is before the first anchor.
  @inline(__always) package func convert(_ counter: UInt64) -> UInt64 {
    let ticks = counter > origin ? counter &- origin : 0
    let product = ticks.multipliedFullWidth(by: multiplier)
    return product.high << 32 | product.low >> 32
  }
}
