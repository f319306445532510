import ApusCore

extension ARM64Machine {
  private static let scalable = 0x405  // NT_ARM_SVE
  private static let fixed = 2  // NT_PRFPREG

  var vectorRegisterSets: [Int] { [Self.scalable, Self.fixed] }

  func vectorRegisterSet(of state: [UInt8]) -> Int {
    state.count == FixedVectors.byteCount ? Self.fixed : Self.scalable
  }

  /// A system call leaves of the scalable registers what they share with the fixed ones
  /// (Documentation/arch/arm64/sve.rst, 3).
  func callsKeep(vectorState: [UInt8]) -> Bool {
    vectorState.count == FixedVectors.byteCount || !ScalableVectors(vectorState).isLive
  }

  /// The frame, as the kernel puts it on a stack for a handler (arch/arm64/kernel/signal.c, struct rt_sigframe):
  ///
  ///     address      0  struct siginfo    128   not read by rt_sigreturn: our payload
  ///                128  struct ucontext   176   uc_flags, uc_link, uc_stack, uc_sigmask, room up to 1024 signals
  ///                304  struct sigcontext 288   fault_address, x0…x30, sp, pc, pstate
  ///                592  records          4096   fpsimd_context, sve_context if the registers are live, end mark
  ///
  /// rt_sigreturn takes the frame to be at the stack pointer. What there is no record for stays as it is (TPIDR2, ZA).
  func signalFrame(
    registers: RegisterFile, blocked: UInt64, vectorState: [UInt8], payload: [UInt8], below top: Address
  ) -> SignalFrame? {
    let records: [UInt8]
    if vectorState.count == FixedVectors.byteCount {
      records = FixedVectors(vectorState).record
    } else {
      guard let made = ScalableVectors(vectorState).records else { return nil }
      records = made
    }
    guard records.count + 16 <= Self.recordRoom else { return nil }
    let address = (top &- UInt64(Self.recordStart + Self.recordRoom)) & ~15
    var bytes = [UInt8](repeating: 0, count: Self.recordStart + Self.recordRoom)
    func put(_ value: UInt64, _ offset: Int) {
      for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(byte * 8)) }
    }
    for (index, byte) in payload.prefix(128).enumerated() { bytes[index] = byte }
    // uc_stack: flags that sigaltstack refuses, so that the thread's alternate stack stays what it is (a refusal is
    // ignored there; the real one cannot be asked for by ptrace).
    put(4, 128 + 24)
    put(blocked, 128 + 40)
    for (index, word) in registers.words.enumerated() { put(word, 304 + 8 + index * 8) }
    bytes.replaceSubrange(Self.recordStart..<Self.recordStart + records.count, with: records)
    return SignalFrame(address: address, bytes: bytes, stackPointer: address, payload: address)
  }

  private static let recordStart = 592
  private static let recordRoom = 4096
}

/// Bytes of little-endian numbers.
private func little(_ value: UInt64, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
}

/// struct user_fpsimd_state: v0…v31, fpsr, fpcr, 8 reserved bytes.
private struct FixedVectors {
  static let byteCount = 528
  private var registers: ArraySlice<UInt8>
  private var status: ArraySlice<UInt8>

  init(_ state: [UInt8]) {
    registers = state[..<512]
    status = state[512..<520]
  }

  /// From their parts; `status` is fpsr and fpcr.
  init(registers: ArraySlice<UInt8>, status: ArraySlice<UInt8>) {
    self.registers = registers
    self.status = status
  }

  /// struct fpsimd_context.
  var record: [UInt8] {
    var record = little(0x4650_8001, 4)
    record += little(528, 4)
    record += status
    record += registers
    return record
  }
}

/// struct user_sve_header and its payload: either the scalable registers, or struct user_fpsimd_state
/// (Documentation/arch/arm64/sve.rst, 6; include/uapi/asm/ptrace.h).
private struct ScalableVectors {
  private var state: [UInt8]
  private static let headerSize = 16

  init(_ state: [UInt8]) { self.state = state }

  private func half(_ offset: Int) -> Int {
    offset + 2 <= state.count ? Int(state[offset]) | Int(state[offset + 1]) << 8 : 0
  }
  /// The vectors' length in bytes.
  private var length: Int { half(8) }
  /// Whether the payload is the scalable registers (SVE_PT_REGS_SVE).
  var isLive: Bool { half(12) & 1 != 0 }
  /// z0…z31, p0…p15, ffr.
  private var registerBytes: Int { 32 * length + 17 * length / 8 }

  /// struct fpsimd_context, and struct sve_context if the registers are live; nil if this is not such a state.
  var records: [UInt8]? {
    let start = Self.headerSize
    guard isLive else {
      guard state.count >= start + 520 else { return nil }
      return FixedVectors(registers: state[start..<start + 512], status: state[start + 512..<start + 520])
        .record
    }
    let status = start + (registerBytes + 15) & ~15
    guard length >= 16, length % 16 == 0, state.count >= status + 8 else { return nil }
    // The low parts of z0…z31 are v0…v31.
    let low = (0..<32).flatMap { state[(start + $0 * length)...].prefix(16) }
    let size = (16 + registerBytes + 15) & ~15
    var record = FixedVectors(registers: low[...], status: state[status..<status + 8]).record
    record += little(0x5356_4501, 4)
    record += little(UInt64(size), 4)
    record += little(UInt64(length), 2)
    record += [UInt8](repeating: 0, count: 6)
    record += state[start..<start + registerBytes]
    return record + [UInt8](repeating: 0, count: size - 16 - registerBytes)
  }
}
