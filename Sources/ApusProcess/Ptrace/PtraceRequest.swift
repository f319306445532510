/// Numbers of ptrace(2), from the kernel's include/uapi/linux/ptrace.h and elf.h: the same on every architecture.
enum PtraceRequest: Int {
  case resume = 7  // PTRACE_CONT
  case detach = 17
  case resumeToSystemCall = 24  // PTRACE_SYSCALL
  case setOptions = 0x4200
  case eventMessage = 0x4201
  case signalInfo = 0x4202
  case getRegisterSet = 0x4204
  case setRegisterSet = 0x4205
  case seize = 0x4206
  case interrupt = 0x4207
  case listen = 0x4208
  case getSignalMask = 0x420a
  case setSignalMask = 0x420b
  case systemCallInfo = 0x420e
  case restartableSequence = 0x420f  // PTRACE_GET_RSEQ_CONFIGURATION
}

/// PTRACE_O_ bits. EXITKILL is never among them: the processes outlive us.
struct PtraceOptions: OptionSet {
  let rawValue: Int

  /// System call stops are told apart from SIGTRAP (TRACESYSGOOD).
  static let markSystemCalls = PtraceOptions(rawValue: 1)
  static let fork = PtraceOptions(rawValue: 2)
  static let vfork = PtraceOptions(rawValue: 4)
  static let clone = PtraceOptions(rawValue: 8)
  static let exec = PtraceOptions(rawValue: 16)
  static let vforkDone = PtraceOptions(rawValue: 32)
  static let exit = PtraceOptions(rawValue: 64)
  /// PTRACE_O_SUSPEND_SECCOMP; wants CAP_SYS_ADMIN.
  static let suspendSeccomp = PtraceOptions(rawValue: 1 << 21)

  /// What every traced thread has.
  static let usual: PtraceOptions = [.markSystemCalls, .fork, .vfork, .clone, .exec, .vforkDone, .exit]
}

/// NT_PRSTATUS: the general registers.
let generalRegisterSet = 1
