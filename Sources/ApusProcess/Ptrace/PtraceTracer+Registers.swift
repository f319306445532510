package import ApusSystem
internal import CApusLinux
internal import Glibc

extension PtraceTracer {
  package func registers(of thread: ThreadID) throws(TraceError) -> RegisterFile {
    _ = try requireStopped(thread)
    let bytes = try registerSet(generalRegisterSet, of: thread, room: machine.layout.names.count * 8 + 64)
    let words = unsafe bytes.withUnsafeBytes { buffer in
      (0..<buffer.count / 8).map { unsafe buffer.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    }
    guard let registers = RegisterFile(words: words, layout: machine.layout) else {
      throw .unsupportedMachine(process: thread, why: Self.thirtyTwoBit)
    }
    return registers
  }

  static let thirtyTwoBit = "it is a 32-bit program, and only 64-bit ones can be traced"

  package func setRegisters(_ registers: RegisterFile, of thread: ThreadID) throws(TraceError) {
    _ = try requireStopped(thread)
    let words = registers.words
    let result = unsafe words.withUnsafeBytes {
      setRegisterSet(generalRegisterSet, of: thread, at: Int(bitPattern: $0.baseAddress), count: $0.count)
    }
    try check("SETREGSET", thread, result)
  }

  /// The vector registers, in the kernel's form (x86_64: an XSAVE area in the standard format; arm64: struct user_sve_header
  /// and what follows it, or struct user_fpsimd_state).
  package func vectorState(of thread: ThreadID) throws(TraceError) -> [UInt8] {
    _ = try requireStopped(thread)
    for set in machine.vectorRegisterSets.dropLast() {
      do throws(TraceError) { return try registerSet(set, of: thread, room: 16384) } catch .system {
        continue  // ENODEV or EINVAL: this processor has none
      }
    }
    return try registerSet(machine.vectorRegisterSets.last ?? 0, of: thread, room: 16384)
  }

  /// Sets the vector registers to what `vectorState(of:)` gave.
  package func setVectorState(_ state: [UInt8], of thread: ThreadID) throws(TraceError) {
    _ = try requireStopped(thread)
    let result = unsafe state.withUnsafeBytes {
      setRegisterSet(
        machine.vectorRegisterSet(of: state), of: thread, at: Int(bitPattern: $0.baseAddress), count: $0.count
      )
    }
    try check("SETREGSET", thread, result)
  }

  /// A stopped thread's thread pointer (fs base, TPIDR_EL0).
  package func threadPointer(of thread: ThreadID) throws(TraceError) -> UInt64 {
    guard let set = machine.threadPointerRegisterSet else {
      return try registers(of: thread).threadPointer ?? 0
    }
    _ = try requireStopped(thread)
    return try registerSet(set, of: thread, room: 8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The signals that a stopped thread blocks.
  package func blockedSignals(of thread: ThreadID) throws(TraceError) -> SignalSet {
    _ = try requireStopped(thread)
    var bits: UInt64 = 0
    let result = unsafe withUnsafeMutableBytes(of: &bits) {
      request(.getSignalMask, thread, address: 8, data: Int(bitPattern: $0.baseAddress))
    }
    try check("GETSIGMASK", thread, result)
    return SignalSet(bits: bits)
  }

  /// Sets the signals that a stopped thread blocks.
  package func setBlockedSignals(_ set: SignalSet, of thread: ThreadID) throws(TraceError) {
    _ = try requireStopped(thread)
    var bits = set.bits
    let result = unsafe withUnsafeMutableBytes(of: &bits) {
      request(.setSignalMask, thread, address: 8, data: Int(bitPattern: $0.baseAddress))
    }
    try check("SETSIGMASK", thread, result)
  }

  func registerSet(_ kind: Int, of thread: ThreadID, room: Int) throws(TraceError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: room)
    var count = 0
    let result = unsafe bytes.withUnsafeMutableBytes { buffer in
      var vector = [Int(bitPattern: buffer.baseAddress), buffer.count]
      let result = unsafe vector.withUnsafeMutableBytes {
        request(.getRegisterSet, thread, address: kind, data: Int(bitPattern: $0.baseAddress))
      }
      count = vector[1]
      return result
    }
    try check("GETREGSET", thread, result)
    bytes.removeLast(room - min(count, room))
    return bytes
  }

  private func setRegisterSet(_ kind: Int, of thread: ThreadID, at address: Int, count: Int) -> Int {
    let vector = [address, count]
    return unsafe vector.withUnsafeBytes {
      request(.setRegisterSet, thread, address: kind, data: Int(bitPattern: $0.baseAddress))
    }
  }

  func eventMessage(of thread: ThreadID) throws(TraceError) -> UInt {
    var message: UInt = 0
    let result = unsafe withUnsafeMutableBytes(of: &message) {
      request(.eventMessage, thread, data: Int(bitPattern: $0.baseAddress))
    }
    try check("GETEVENTMSG", thread, result)
    return message
  }

  func signalInfo(of thread: ThreadID, number: Int32) throws(TraceError) -> SignalInfo {
    var words = [UInt64](repeating: 0, count: 16)
    let result = unsafe words.withUnsafeMutableBytes {
      request(.signalInfo, thread, data: Int(bitPattern: $0.baseAddress))
    }
    try check("GETSIGINFO", thread, result)
    return SignalInfo(number: number, code: Int32(truncatingIfNeeded: words[1]), detail: words[2])
  }

  /// Whether a system call stop is before the call; the kernel's own word (PTRACE_GET_SYSCALL_INFO).
  func isSystemCallEntry(_ thread: ThreadID) throws(TraceError) -> Bool {
    var words = [UInt64](repeating: 0, count: 16)
    let result = unsafe words.withUnsafeMutableBytes {
      request(.systemCallInfo, thread, address: $0.count, data: Int(bitPattern: $0.baseAddress))
    }
    try check("GET_SYSCALL_INFO", thread, result)
    return words[0] & 0xff == 1
  }
}
