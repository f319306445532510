internal import ApusCore

/// ppc64le's part of the remote back end.
struct PPC64LERemote: RemoteMachine {
  /// struct pt_regs of arch/powerpc/include/uapi/asm/ptrace.h. Its `trap` says whether the thread is in a system call (0xc00 or, for
  /// scv, 0x3000), not in which.
  let layout = RegisterLayout(
    architecture: .ppc64le,
    names: (0...31).map { "r\($0)" } + [
      "nip", "msr", "orig_gpr3", "ctr", "link", "xer", "ccr", "softe", "trap", "dar", "dsisr", "result",
    ],
    programCounter: 32, stackPointer: 1, systemCall: 0, originalSystemCall: 40, result: 3,
    arguments: [3, 4, 5, 6, 7, 8], threadPointer: 13)
  let serverNames = [
    "nip": ["pc"], "link": ["lr"], "ccr": ["cr"], "orig_gpr3": ["orig_r3"],
  ]
  let systemCallInstruction: [UInt8] = [0x02, 0x00, 0x00, 0x44]  // sc
  let instructionAlignment = 4
  let gateCode: [UInt8] = [
    0x02, 0x00, 0x00, 0x44,  // sc
    0x00, 0x00, 0x00, 0x60,  // nop
    0x00, 0x00, 0x00, 0x60,  // nop
    0x08, 0x00, 0xe0, 0x7f,  // trap
  ]
  /// 64-bit ELF V2 ABI, 2.2.2.4: 288 bytes; the kernel leaves 512 alone.
  let redZone: UInt64 = 512
  let openat: UInt64 = 286
  let read: UInt64 = 3
  let counterCode: [UInt8] = [0xa6, 0x42, 0x6c, 0x7c, 0x00, 0x00, 0x00, 0x60]  // mftb r3; nop

  /// arch/powerpc/include/uapi/asm/mman.h: MAP_NORESERVE is 0x40, not 0x4000; the others that we use are the same.
  func mappingFlags(_ flags: UInt64) -> UInt64 {
    flags & 0x4000 == 0 ? flags : flags & ~0x4000 | 0x40
  }

  /// arch/powerpc/kernel/syscalls/syscall.tbl
  func number(of call: RemoteSystemCall) -> UInt64 {
    switch call {
    case .mmap: 90
    case .munmap: 91
    case .mprotect: 125
    case .madvise: 205
    case .memfdCreate: 360
    case .ftruncate: 93
    case .close: 6
    case .membarrier: 365
    case .shmat: 397
    case .getpid: 20
    }
  }

  /// `bns`, `bnslr` and other conditional branches without a link or a count; `mfcr` into another register than r3; `nop`, `blr`.
  func isHarmless(_ instruction: ArraySlice<UInt8>) -> Bool {
    guard instruction.count >= 4 else { return false }
    let word = instruction.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let isConditional = word >> 26 == 16 || word & 0xfc00_07fe == 0x4c00_0020  // bc; bclr
    let isMove = word & 0xfc1f_ffff == 0x7c00_0026 && word >> 21 & 31 != 3  // mfcr
    return word == 0x6000_0000 || isConditional || isMove
  }

  private static let summaryOverflow: UInt64 = 0x1000_0000  // of the first condition field
  private static let condition = 38  // ccr

  /// Nothing is to be restarted: the trap word 0 says that the thread is in no system call; and as gdbserver does not set it,
  /// what would be the sign of an interrupted one is cleared.
  func calling(
    _ number: UInt64, _ arguments: [UInt64], at address: Address, from registers: RegisterFile
  ) -> RegisterFile {
    var result = registers
    for (index, value) in zip(layout.arguments, arguments) { result[index] = value }
    result[layout.systemCall] = number
    if let word = layout.originalSystemCall { result[word] = 0 }
    result[Self.condition] &= ~Self.summaryOverflow
    result.programCounter = address
    return result
  }

  /// An interrupted call (by sc: the condition and a positive number; by scv: a negative one) is made again from its start; a wait
  /// with a time limit begins anew. As in check_syscall_restart of arch/powerpc/kernel/signal.c.
  func restored(_ registers: RegisterFile) -> RegisterFile {
    // ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK
    let codes: Set<Int64> = [512, 513, 514, 516]
    let isInterrupted: Bool
    switch registers["trap"] {
    case 0xc00?:
      isInterrupted =
        registers[Self.condition] & Self.summaryOverflow != 0 && codes.contains(registers.result)
    case 0x3000?: isInterrupted = registers.result < 0 && codes.contains(-max(registers.result, -4095))
    default: isInterrupted = false
    }
    guard isInterrupted, let first = registers["orig_gpr3"] else { return registers }
    var result = registers
    result[layout.result] = first
    if let word = layout.originalSystemCall { result[word] = 0 }
    result.programCounter &-= 4
    return result
  }

  /// A summary overflow in the first condition field marks an error, whose number is positive.
  func result(_ registers: RegisterFile) -> Int64 {
    let hasFailed = registers[Self.condition] & Self.summaryOverflow != 0
    return hasFailed ? -registers.result.magnitudeClamped : registers.result
  }
}

extension Int64 {
  /// The magnitude, as far as it can be negated.
  fileprivate var magnitudeClamped: Int64 { Int64(clamping: magnitude) }
}
