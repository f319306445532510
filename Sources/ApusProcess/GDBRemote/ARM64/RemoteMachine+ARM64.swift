internal import ApusCore

/// arm64's part of the remote back end.
struct ARM64Remote: RemoteMachine {
  /// struct user_pt_regs of arch/arm64/include/uapi/asm/ptrace.h, and two words that it has not: the thread pointer, and
  /// which call the thread is in, which servers do not tell. (The kernel rewinds an interrupted call before it lets a
  /// tracer look, so nothing is to be restarted by us.)
  let layout = RegisterLayout(
    architecture: .arm64,
    names: (0...30).map { "x\($0)" } + ["sp", "pc", "pstate", "tpidr", "syscallno"],
    programCounter: 32, stackPointer: 31, systemCall: 8, originalSystemCall: 35, result: 0,
    arguments: [0, 1, 2, 3, 4, 5], threadPointer: 34)
  let serverNames = ["pstate": ["cpsr"], "tpidr": ["tpidr", "TPIDR_EL0"]]
  let systemCallInstruction: [UInt8] = [0x01, 0x00, 0x00, 0xd4]  // svc #0
  let instructionAlignment = 4
  let gateCode: [UInt8] = [
    0x01, 0x00, 0x00, 0xd4,  // svc #0
    0x1f, 0x20, 0x03, 0xd5,  // nop
    0x1f, 0x20, 0x03, 0xd5,  // nop
    0x00, 0x00, 0x00, 0x00,  // udf #0
  ]
  let redZone: UInt64 = 0
  let openat: UInt64 = 56
  let read: UInt64 = 63
  let counterCode: [UInt8] = [0x40, 0xe0, 0x3b, 0xd5, 0x1f, 0x20, 0x03, 0xd5]  // mrs x0, cntvct_el0; nop

  /// include/uapi/asm-generic/unistd.h
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

  /// `cmn x0, #4095`, `cmn w0, #4095`, `nop`, `ret`.
  func isHarmless(_ instruction: ArraySlice<UInt8>) -> Bool {
    [
      [0x1f, 0xfc, 0x3f, 0xb1], [0x1f, 0xfc, 0x3f, 0x31], [0x1f, 0x20, 0x03, 0xd5], [0xc0, 0x03, 0x5f, 0xd6],
    ]
    .contains { instruction.starts(with: $0) }
  }
}
