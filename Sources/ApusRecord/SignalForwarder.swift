internal import ApusProcess
internal import ApusSystem
internal import Glibc
internal import Synchronization

/// Passes on to the program the signals that are sent to us, as a shell's `exec` would have it.
///
/// What a terminal sends goes to the whole foreground group, so the program has it already: such signals are only
/// kept from ending us. The threads of this process must be made after this object.
final class SignalForwarder: Sendable {
  private let target = Mutex<ProcessID>(0)

  private static let forwarded: [Int32] = [SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT]

  /// Blocks the signals in this thread, and starts to listen for them.
  init() throws(SystemError) {
    let signals = SignalSet(Self.forwarded)
    try SignalDescriptor.block(signals)
    _ = try SystemThread { [self] in
      var set = unsafe sigset_t()
      unsafe sigemptyset(&set)
      for number in Self.forwarded { unsafe sigaddset(&set, number) }
      while true {
        var info = unsafe siginfo_t()
        guard unsafe sigwaitinfo(&set, &info) > 0 else { continue }
        // SI_KERNEL: from the terminal.
        if unsafe info.si_code == 0x80 { continue }
        let process = target.withLock { $0 }
        if process != 0 { _ = unsafe kill(process, info.si_signo) }
      }
    }
  }

  /// Signals go to this process from here on; 0: to nobody.
  func forward(to process: ProcessID) { target.withLock { $0 = process } }
}
