import ApusCore

/// arm64's part of the ptrace back end.
///
/// The kernel prepares the restart of an interrupted system call before it looks for signals, and so before our stops in the
/// signal code (arch/arm64/kernel/signal.c, do_signal): x0 is the first argument again, and the program counter back at the
/// `svc`. What it does after the stop, it does only if the program counter is still there; after a remote call it is another
/// call's. So registers that are set back begin the call anew: right for ERESTARTSYS, ERESTARTNOINTR and ERESTARTNOHAND; for
/// ERESTART_RESTARTBLOCK (which has a time limit) with the limit from its start.
struct ARM64Machine: PtraceMachine {
  let layout = RegisterLayout.arm64

  let gateCode: [UInt8] = [
    0x01, 0x00, 0x00, 0xd4,  // svc #0
    0x68, 0x11, 0x80, 0xd2,  // mov x8, #139 (rt_sigreturn)
    0x01, 0x00, 0x00, 0xd4,  // svc #0
    0x00, 0x00, 0x20, 0xd4,  // brk #0, which is never reached
  ]

  let threadPointerRegisterSet: Int? = 0x401  // NT_ARM_TLS
  /// NT_ARM_GCS: its first word has PR_SHADOW_STACK_ENABLE.
  let shadowStack: (registerSet: Int, advice: String)? = (
    0x410, "start it with GLIBC_TUNABLES=glibc.cpu.aarch64_gcs=0"
  )
  func isShadowStackActive(_ bytes: [UInt8]) -> Bool { (bytes.first ?? 0) & 1 != 0 }

  private static let restartCall: UInt64 = 128  // restart_syscall
  /// PSTATE.BTYPE: an indirect branch has just been taken.
  private static let branchType: UInt64 = 3 << 10

  func number(of call: RemoteSystemCall) -> UInt64 {
    switch call {
    case .mmap: 222
    case .munmap: 215
    case .mprotect: 226
    case .madvise: 233
    case .memfdCreate: 279
    case .ftruncate: 46
    case .close: 57
    case .membarrier: 283
    case .shmat: 196
    case .getpid: 172
    }
  }

  /// It cannot be told at a stop whether there was a call at all: whatever x8 says may have been one.
  func callThatMayRestart(_ registers: RegisterFile) -> UInt64? { registers[layout.systemCall] }

  func isInRestart(_ registers: RegisterFile) -> Bool { registers[layout.systemCall] == Self.restartCall }

  func resumed(_ registers: RegisterFile, original: UInt64?) -> RegisterFile {
    guard isInRestart(registers), let original else { return registers }
    // rt_sigreturn empties the restart block, so restart_syscall would give EINTR.
    var result = registers
    result[layout.systemCall] = original
    return result
  }

  func calling(
    _ number: UInt64, _ arguments: [UInt64], gate: Address, stackPointer: Address,
    from registers: RegisterFile
  ) -> RegisterFile {
    var result = registers
    for (index, value) in zip(layout.arguments, arguments) { result[index] = value }
    result[layout.systemCall] = number
    result[33] &= ~Self.branchType
    result.programCounter = gate
    result.stackPointer = stackPointer
    return result
  }

  /// There is no red zone (AAPCS64, 6.4.5).
  func stackTop(_ registers: RegisterFile) -> Address { registers.stackPointer }

  /// The register is set by an instruction; the C libraries make a system call (set_tid_address) right after it. exec
  /// leaves zero in it.
  func hasSetThreadPointer(_ registers: RegisterFile, threadPointer: UInt64) -> Bool { threadPointer != 0 }
}
