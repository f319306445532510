internal import ApusCore

/// x86_64's part of the remote back end.
struct X86_64Remote: RemoteMachine {
  let layout = RegisterLayout.x86_64
  let serverNames: [String: [String]] = [:]
  let systemCallInstruction: [UInt8] = [0x0f, 0x05]
  let instructionAlignment = 1
  let gateCode: [UInt8] = [
    0x0f, 0x05,  // syscall
    0x90, 0x90,  // nop; nop
    0x0f, 0x0b,  // ud2
  ]
  let redZone: UInt64 = 128
  let openat: UInt64 = 257
  let read: UInt64 = 0
  let counterCode: [UInt8] = [0x0f, 0x31, 0x90]  // rdtsc; nop

  func counter(_ registers: RegisterFile) -> UInt64 {
    (registers["rdx"] ?? 0) << 32 | registers[layout.result] & 0xffff_ffff
  }

  func number(of call: RemoteSystemCall) -> UInt64 { X86_64Machine().number(of: call) }

  /// `cmp rax, imm32`, `cmp rax, imm8`, `cmp eax, imm32`, `ret`.
  func isHarmless(_ instruction: ArraySlice<UInt8>) -> Bool {
    instruction.starts(with: [0x48, 0x3d]) || instruction.starts(with: [0x48, 0x83, 0xf8])
      || instruction.first == 0x3d || instruction.first == 0xc3
  }
}
