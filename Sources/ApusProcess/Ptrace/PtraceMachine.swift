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

  /// The registers with which a thread, stopped at the end of an interrupted system call, would run on if nobody
  /// had stopped it: the kernel's own work of restarting the call is done for it.
  ///
  /// - Parameter original: which call it was, if the thread is in restart_syscall now.
  func resumed(_ registers: RegisterFile, original: UInt64?) -> RegisterFile

  /// Whether the kernel would go on with the interrupted call by restart_syscall.
  func restartsByBlock(_ registers: RegisterFile) -> Bool
  /// Whether the interrupted call is restart_syscall itself.
  func isInRestart(_ registers: RegisterFile) -> Bool

  /// A signal frame with the given state, below `top`.
  ///
  /// - Parameters:
  ///   - vectorState: what PTRACE_GETREGSET gives for the vector registers.
  ///   - payload: at most 128 bytes.
  func signalFrame(
    registers: RegisterFile, blocked: UInt64, vectorState: [UInt8], payload: [UInt8], below top: Address
  ) -> SignalFrame

  /// The registers that make a call at the gate.
  func calling(
    _ number: UInt64, _ arguments: [UInt64], gate: Address, stackPointer: Address,
    from registers: RegisterFile
  ) -> RegisterFile

  /// The highest address below a thread's stack pointer that its function does not use.
  func stackTop(_ registers: RegisterFile) -> Address

  /// Whether these registers, after a system call, say that it set the thread pointer.
  func hasSetThreadPointer(_ registers: RegisterFile) -> Bool

  /// The register set with the vector registers.
  var vectorRegisterSet: Int { get }
  /// The register set that exists only while a hardware shadow stack is active; nil where there is none.
  var shadowStackRegisterSet: Int? { get }
}
