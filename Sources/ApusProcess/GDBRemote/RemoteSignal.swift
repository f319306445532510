internal import Glibc

/// Signals as GDB's remote protocol numbers them, which is its own order (GDB's include/gdb/signals.def), and as Linux
/// does on x86_64, arm64 and ppc64le.
package enum RemoteSignal {
  /// GDB's numbers 1 to 37, in order; 0 where Linux has no such signal (EMT, LOST, WIND, PHONE, WAITING,
  /// LWP); its POLL is GDB's 33 too.
  private static let linux: [Int32] = [
    SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, 0, SIGFPE, SIGKILL, SIGBUS, SIGSEGV, SIGSYS, SIGPIPE,
    SIGALRM, SIGTERM, SIGURG, SIGSTOP, SIGTSTP, SIGCONT, SIGCHLD, SIGTTIN, SIGTTOU, SIGIO, SIGXCPU, SIGXFSZ,
    SIGVTALRM, SIGPROF, SIGWINCH, 0, SIGUSR1, SIGUSR2, SIGPWR, SIGIO, 0, 0, 0, 0,
  ]

  /// Linux's number; nil for a signal that Linux has not.
  package static func toLinux(_ number: UInt8) -> Int32? {
    switch number {
    case 0: return 0
    case 45...75: return Int32(number) - 45 + 33  // SIG33 … SIG63
    case 77: return 32
    case 78: return 64
    default:
      let index = Int(number) - 1
      guard linux.indices.contains(index), linux[index] != 0 else { return nil }
      return linux[index]
    }
  }

  /// GDB's number; nil for a number that is no signal.
  package static func fromLinux(_ number: Int32) -> UInt8? {
    switch number {
    case 0: return 0
    case 32: return 77
    case 33...63: return UInt8(number - 33 + 45)
    case 64: return 78
    default: return linux.firstIndex(of: number).map { UInt8($0 + 1) }
    }
  }
}
