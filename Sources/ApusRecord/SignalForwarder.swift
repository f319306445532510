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
    /// Takes the signals instead, those of a terminal too.
    var handler: (@Sendable (Int32) -> Void)?
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
        let number = unsafe info.si_signo
        if let handler = state.withLock({ $0.handler }) {
          handler(number)
          continue
        }
        // SI_KERNEL: from the terminal.
        if unsafe info.si_code == 0x80 { continue }
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

  /// Signals go to a handler from here on, the early ones first.
  func forward(through handler: @escaping @Sendable (Int32) -> Void) {
    let early = state.withLock { state in
      state.handler = handler
      defer { state.early = [] }
      return state.early
    }
    for number in early { handler(number) }
  }

  /// There is nobody to send signals to any more.
  func stop() {
    state.withLock {
      $0.target = -1
      $0.handler = nil
    }
  }
}

/// Signals that were sent to us, until the tracer's thread takes them.
final class ForwardedSignals: Sendable {
  private let numbers = Mutex<[Int32]>([])

  /// Keeps one.
  func add(_ number: Int32) { numbers.withLock { $0.append(number) } }
  /// The first one.
  func take() -> Int32? { numbers.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
  /// Whether there is one.
  var isEmpty: Bool { numbers.withLock { $0.isEmpty } }
}
