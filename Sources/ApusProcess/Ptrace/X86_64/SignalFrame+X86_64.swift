import ApusCore
internal import CApusLinux

extension X86_64Machine {
  /// The frame, as the kernel puts it on a stack for a handler (arch/x86/include/asm/sigframe.h):
  ///
  ///     address      0  pretcode          8   where the handler would return to
  ///                  8  struct ucontext 304   uc_flags, uc_link, uc_stack, uc_mcontext, uc_sigmask
  ///                312  struct siginfo  128   not read by rt_sigreturn: our payload
  ///                     (gap)
  ///     aligned to 64:  XSAVE area, in the standard format, its last 48 bytes of the first 512 for software
  ///                     FP_XSTATE_MAGIC2
  ///
  /// rt_sigreturn takes the frame to be at the stack pointer - 8.
  func signalFrame(
    registers: RegisterFile, blocked: UInt64, vectorState: [UInt8], payload: [UInt8], below top: Address
  ) -> SignalFrame? {
    let xsave = XSaveArea(vectorState)
    let xsaveAddress = (top &- UInt64(xsave.bytes.count)) & ~63
    let address = (xsaveAddress &- 440) & ~15
    var bytes = [UInt8](repeating: 0, count: Int(xsaveAddress &- address))
    func put(_ value: UInt64, _ offset: Int) {
      for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(byte * 8)) }
    }
    let context = 8
    // UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
    put(7, context)
    // uc_stack: flags that sigaltstack refuses, so that the thread's alternate stack stays what it is (a refusal
    // is ignored there; the real one cannot be asked for by ptrace).
    put(4, context + 24)
    let machine = context + 40
    let names = [
      "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx",
      "rsp", "rip", "eflags",
    ]
    for (index, name) in names.enumerated() { put(registers[name] ?? 0, machine + index * 8) }
    // cs, gs, fs, ss: 16 bits each
    put((registers["cs"] ?? 0x33) & 0xffff | ((registers["ss"] ?? 0x2b) & 0xffff) << 48, machine + 144)
    put(xsaveAddress, machine + 184)
    put(blocked, context + 296)
    for (index, byte) in payload.prefix(128).enumerated() { bytes[312 + index] = byte }
    return SignalFrame(
      address: address, bytes: bytes + xsave.bytes, stackPointer: address &+ 8, payload: address &+ 312)
  }
}

/// The XSAVE area of a signal frame (arch/x86/kernel/fpu/signal.c, check_xstate_in_sigframe).
private struct XSaveArea {
  /// With the software's bytes and the trailer.
  var bytes: [UInt8]

  /// AMX's tile data: its room is there only in threads that asked for it.
  private static let tileData: UInt64 = 1 << 18
  private static let protectionKeys: UInt64 = 1 << 9

  /// - Parameter state: NT_X86_XSTATE: the standard format, with the kernel's feature bits at offset 464.
  init(_ state: [UInt8]) {
    func word(_ offset: Int) -> UInt64 {
      guard offset + 8 <= state.count else { return 0 }
      return (0..<8).reduce(0) { $0 | UInt64(state[offset + $1]) << UInt64($1 * 8) }
    }
    let inUse = word(512)  // XSTATE_BV: components that are not in their initial state
    var features = word(464)
    if inUse & Self.tileData == 0 { features &= ~Self.tileData }
    let size = Int(apus_xsave_area_size(features))
    guard state.count >= 576, size >= 576, size <= state.count else {
      // No XSAVE: the 512 bytes of FXSAVE alone, without magic numbers.
      bytes = Array(state.prefix(512))
      bytes += [UInt8](repeating: 0, count: max(0, 512 - bytes.count))
      for offset in 464..<512 { bytes[offset] = 0 }
      return
    }
    bytes = Array(state[..<size]) + [0, 0, 0, 0]
    func put(_ value: UInt64, _ offset: Int, bytes count: Int) {
      for byte in 0..<count { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(byte * 8)) }
    }
    for offset in 464..<512 { bytes[offset] = 0 }
    put(0x4650_5853, 464, bytes: 4)  // FP_XSTATE_MAGIC1
    put(UInt64(size + 4), 468, bytes: 4)  // extended_size
    put(features, 472, bytes: 8)
    put(UInt64(size), 480, bytes: 4)  // xstate_size
    // As the kernel does: x87 and SSE always count as in use, so that the legacy area is what is restored.
    put(inUse & features | 3 | features & Self.protectionKeys, 512, bytes: 8)
    put(0x4650_5845, size, bytes: 4)  // FP_XSTATE_MAGIC2
  }
}
