import ApusCore

/// x86_64's part of the ptrace back end.
struct X86_64Machine: PtraceMachine {
  let layout = RegisterLayout.x86_64

  let gateCode: [UInt8] = [
    0x0f, 0x05,  // syscall
    0xb8, 0x0f, 0x00, 0x00, 0x00,  // mov eax, 15 (rt_sigreturn)
    0x0f, 0x05,  // syscall
    0x0f, 0x0b,  // ud2
    0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
  ]

  let threadPointerRegisterSet: Int? = nil
  let vectorRegisterSets = [0x202]  // NT_X86_XSTATE
  func vectorRegisterSet(of state: [UInt8]) -> Int { 0x202 }
  func callsKeep(vectorState: [UInt8]) -> Bool { true }
  /// NT_X86_SHSTK, which exists only while a shadow stack is active.
  let shadowStack: (registerSet: Int, advice: String)? = (
    0x204, "start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off"
  )
  func isShadowStackActive(_ bytes: [UInt8]) -> Bool { !bytes.isEmpty }

  private static let restartCall: UInt64 = 219  // restart_syscall
  private static let syscallLength: UInt64 = 2  // of the instruction

  func number(of call: RemoteSystemCall) -> UInt64 {
    switch call {
    case .mmap: 9
    case .munmap: 11
    case .mprotect: 10
    case .madvise: 28
    case .memfdCreate: 319
    case .ftruncate: 77
    case .close: 3
    case .membarrier: 324
    case .shmat: 30
    case .getpid: 39
    }
  }

  // The kernel's codes for "this call is to be made again", which programs never see: ERESTARTSYS,
  // ERESTARTNOINTR, ERESTARTNOHAND.
  private static let restartNow: Set<Int64> = [-512, -513, -514]
  private static let restartByBlock: Int64 = -516  // ERESTART_RESTARTBLOCK

  func callThatMayRestart(_ registers: RegisterFile) -> UInt64? {
    registers.result == Self.restartByBlock ? registers.currentSystemCall : nil
  }

  func isInRestart(_ registers: RegisterFile) -> Bool { registers.currentSystemCall == Self.restartCall }

  func resumed(_ registers: RegisterFile, original: UInt64?) -> RegisterFile {
    guard let call = registers.currentSystemCall else { return registers }
    var result = registers
    if Self.restartNow.contains(registers.result) {
      result.result = Int64(bitPattern: call)
    } else if registers.result == Self.restartByBlock {
      // rt_sigreturn empties the restart block, so restart_syscall would give EINTR. The call itself, made again
      // from its start, only waits longer.
      result.result = Int64(bitPattern: call == Self.restartCall ? original ?? call : call)
    } else {
      return registers
    }
    result.programCounter &-= Self.syscallLength
    return result
  }

  func calling(
    _ number: UInt64, _ arguments: [UInt64], gate: Address, stackPointer: Address,
    from registers: RegisterFile
  ) -> RegisterFile {
    var result = registers
    for (index, value) in zip(layout.arguments, arguments) { result[index] = value }
    result[layout.systemCall] = number
    if let index = layout.originalSystemCall { result[index] = .max }  // -1: nothing to restart
    result.programCounter = gate
    result.stackPointer = stackPointer
    return result
  }

  /// 128 bytes of red zone.
  func stackTop(_ registers: RegisterFile) -> Address { registers.stackPointer &- 128 }

  /// arch_prctl(ARCH_SET_FS), successful.
  func hasSetThreadPointer(_ registers: RegisterFile, threadPointer: UInt64) -> Bool {
    registers.currentSystemCall == 158 && registers[layout.arguments[0]] == 0x1002 && registers.result == 0
  }
}
