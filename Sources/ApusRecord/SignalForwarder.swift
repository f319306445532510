internal import ApusProcess
internal import ApusSystem
internal import Glibc
internal import Synchronization

/// Passes on to the program the signals that are sent to us, as a shell's `exec` would have it.
///
/// What a terminal sends goes to the whole foreground group, so the program has it already: such signals are only
/// kept from ending us. The threads of this process must be made after this object.
final class SignalForwarder: Sendable {
  private struct State {
    var target: ProcessID = 0
    /// Signals that came before there was anybody to send them to.
    var early: [Int32] = []
  }

  private let state = Mutex(State())

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
        let number = unsafe info.si_signo
        let process = state.withLock { state in
          if state.target == 0 { state.early.append(number) }
          return state.target
        }
        if process > 0 { kill(process, number) }
      }
    }
  }

  /// Signals go to this process from here on, the early ones first.
  func forward(to process: ProcessID) {
    let early = state.withLock { state in
      state.target = process
      defer { state.early = [] }
      return state.early
    }
    for number in early { kill(process, number) }
  }

  /// There is nobody to send signals to any more.
  func stop() { state.withLock { $0.target = -1 } }
}
