internal import ApusCore

extension RegisterLayout {
  /// struct user_pt_regs of arch/arm64/include/uapi/asm/ptrace.h. The thread pointer is in the set NT_ARM_TLS.
  package static let arm64 = RegisterLayout(
    architecture: .arm64, names: (0...30).map { "x\($0)" } + ["sp", "pc", "pstate"],
    programCounter: 32, stackPointer: 31, systemCall: 8, originalSystemCall: nil, result: 0,
    arguments: Array(0...5), threadPointer: nil)
}
