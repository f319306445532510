internal import ApusCore

/// A signal frame that restores a thread, as the kernel's rt_sigreturn reads it.
struct SignalFrame {
  /// Where it belongs.
  var address: Address
  /// Its bytes.
  var bytes: [UInt8]
  /// The stack pointer with which rt_sigreturn finds it.
  var stackPointer: Address
  /// Where 128 bytes of it are that rt_sigreturn does not look at.
  var payload: Address
}

/// What the ptrace back end must know of an architecture.
protocol PtraceMachine: Sendable {
  /// The general registers (NT_PRSTATUS).
  var layout: RegisterLayout { get }
  /// `system call; rt_sigreturn; trap`, not longer than `PtraceTracer.gateSize`.
  var gateCode: [UInt8] { get }

  /// The system call's number.
  func number(of call: RemoteSystemCall) -> UInt64

  /// The registers with which a thread, stopped in the signal code after an interrupted system call, would run on if nobody
  /// had stopped it: the kernel's own work of restarting the call is done for it, if it has not done it before the stop.
  ///
  /// - Parameter original: which call it was, if the thread is in restart_syscall now.
  func resumed(_ registers: RegisterFile, original: UInt64?) -> RegisterFile

  /// The interrupted call, if the kernel would, or may, go on with it by restart_syscall. Where the kernel prepares the
  /// restart before the stop, it cannot be told whether there is one.
  func callThatMayRestart(_ registers: RegisterFile) -> UInt64?
  /// Whether the interrupted call is restart_syscall itself.
  func isInRestart(_ registers: RegisterFile) -> Bool

  /// A signal frame with the given state, below `top`.
  ///
  /// - Parameters:
  ///   - vectorState: what PTRACE_GETREGSET gives for the vector registers.
  ///   - payload: at most 128 bytes.
  /// - Returns: nil if a frame cannot hold that vector state.
  func signalFrame(
    registers: RegisterFile, blocked: UInt64, vectorState: [UInt8], payload: [UInt8], below top: Address
  ) -> SignalFrame?

  /// The registers that make a call at the gate.
  func calling(
    _ number: UInt64, _ arguments: [UInt64], gate: Address, stackPointer: Address,
    from registers: RegisterFile
  ) -> RegisterFile

  /// The highest address below a thread's stack pointer that its function does not use.
  func stackTop(_ registers: RegisterFile) -> Address

  /// Whether these registers, after a system call, say that it set the thread pointer, or that it has been set since exec.
  ///
  /// - Parameter threadPointer: as it is now.
  func hasSetThreadPointer(_ registers: RegisterFile, threadPointer: UInt64) -> Bool
  /// The register set with the thread pointer in its first word; nil if that is among the general registers.
  var threadPointerRegisterSet: Int? { get }

  /// The register sets that have the vector registers, the best one first: the first one that a thread has is used.
  var vectorRegisterSets: [Int] { get }
  /// Which of them this is.
  func vectorRegisterSet(of state: [UInt8]) -> Int
  /// Whether a system call leaves these vector registers as they are.
  func callsKeep(vectorState: [UInt8]) -> Bool

  /// The register set of a hardware shadow stack, and how to do without one; nil where there is none.
  var shadowStack: (registerSet: Int, advice: String)? { get }
  /// Whether what that register set gives, 8 bytes at the most, says that the shadow stack is active.
  func isShadowStackActive(_ bytes: [UInt8]) -> Bool
}

extension PtraceTracer {
  /// The machine for the processes of an architecture; nil where there is none.
  static func machine(for architecture: Architecture) -> (any PtraceMachine)? {
    switch architecture {
    case .x86_64: X86_64Machine()
    case .arm64: ARM64Machine()
    case .ppc64le: nil
    }
  }
}
