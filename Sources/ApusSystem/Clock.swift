internal import CApusLinux
internal import Glibc

/// The kernel's clocks, in nanoseconds.
package enum Clock: Sendable, CaseIterable {
  /// CLOCK_MONOTONIC: stands still while the machine sleeps.
  case monotonic
  /// CLOCK_REALTIME: since 1970; may jump.
  case realtime
  /// CLOCK_BOOTTIME: since boot, sleep included.
  case boottime

  /// The time now, in nanoseconds.
  package func now() -> UInt64 {
    var time = timespec()
    let id: clockid_t =
      switch self {
      case .monotonic: CLOCK_MONOTONIC
      case .realtime: CLOCK_REALTIME
      case .boottime: CLOCK_BOOTTIME
      }
    // Cannot fail: the three clocks always exist, and the pointer is good.
    _ = unsafe clock_gettime(id, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

/// The processor's counter that trampolines read: rdtsc, cntvct_el0 or the time base.
package enum ProcessorCounter {
  /// Its value now, in ticks.
  package static func read() -> UInt64 { apus_read_counter() }
  /// How many ticks a second has, in Hz, where the processor says it (CNTFRQ_EL0); nil: it must be measured.
  package static var frequency: UInt64? {
    let value = apus_counter_frequency()
    return value == 0 ? nil : value
  }
}

/// The machine that this program was built for.
package enum MachineName {
  /// The name that an `Architecture` has of it.
  package static var ofThisBuild: String { unsafe String(cString: apus_machine()) }
}
