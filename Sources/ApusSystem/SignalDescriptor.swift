internal import CApusLinux
internal import Glibc

/// A set of signals, in the kernel's form: signal n is bit n - 1.
package struct SignalSet: Sendable, Hashable {
  /// The bits.
  package var bits: UInt64
  /// From the kernel's form.
  package init(bits: UInt64) { self.bits = bits }
  /// The set of these signals.
  package init(_ numbers: [Int32]) {
    bits = numbers.reduce(0) { $0 | (UInt64(1) << UInt64(clamping: $1 - 1)) }
  }
  /// What ends a program from outside, SIGTERM and SIGHUP, but for what this process ignores (as under nohup).
  package static var ending: SignalSet {
    SignalSet([SIGTERM, SIGHUP].filter { apus_ignored_at_start($0) == 0 })
  }
  /// Every signal; SIGKILL and SIGSTOP cannot be blocked whatever is asked.
  package static let all = SignalSet(bits: .max)
  /// Whether the signal is in the set.
  package func contains(_ number: Int32) -> Bool {
    bits >> UInt64(clamping: number - 1) & 1 != 0
  }
}

/// A signalfd, for signals that every thread of this process blocks (otherwise another thread may take them).
package struct SignalDescriptor: ~Copyable {
  private let file: FileDescriptor

  /// Blocks `signals` in the calling thread, and makes the descriptor.
  package init(_ signals: SignalSet) throws(SystemError) {
    try Self.block(signals)
    var bits = signals.bits
    let number = try Kernel.call("signalfd4") {
      unsafe withUnsafeBytes(of: &bits) {
        Kernel.raw(
          APUS_SYS_signalfd4, -1, Int(bitPattern: $0.baseAddress), 8, Int(O_CLOEXEC | O_NONBLOCK))
      }
    }
    file = FileDescriptor(owning: Int32(number))
  }

  /// The descriptor's number, for `Poll`.
  package var rawValue: Int32 { file.rawValue }

  /// The next signal's number, or nil when none is pending.
  package func take() -> Int32? {
    // struct signalfd_siginfo: 128 bytes, the signal's number first.
    var record = [UInt32](repeating: 0, count: 32)
    let size = 128
    let number = file.rawValue
    let got = unsafe record.withUnsafeMutableBytes {
      Kernel.raw(APUS_SYS_read, Int(number), Int(bitPattern: $0.baseAddress), size)
    }
    return got == size ? Int32(bitPattern: record[0]) : nil
  }

  /// Blocks signals in the calling thread; threads that it makes later inherit that.
  package static func block(_ signals: SignalSet) throws(SystemError) {
    var bits = signals.bits
    try Kernel.call("rt_sigprocmask") {
      unsafe withUnsafeBytes(of: &bits) {
        Kernel.raw(
          APUS_SYS_rt_sigprocmask, Int(SIG_BLOCK), Int(bitPattern: $0.baseAddress), 0, 8)
      }
    }
  }
}

/// Signals to threads and processes.
package enum SignalSender {
  /// Sends a signal to one thread (tgkill).
  package static func send(_ signal: Int32, thread: Int32, of process: Int32) throws(SystemError) {
    try Kernel.call("tgkill", "thread \(thread)") {
      Kernel.raw(APUS_SYS_tgkill, Int(process), Int(thread), Int(signal))
    }
  }

  /// Sends a signal to a process (kill).
  package static func send(_ signal: Int32, process: Int32) throws(SystemError) {
    try Kernel.call("kill", "process \(process)") { Kernel.raw(APUS_SYS_kill, Int(process), Int(signal)) }
  }
}
