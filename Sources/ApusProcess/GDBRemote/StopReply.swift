/// What a server tells of its target (GDB's manual, E.3, "Stop Reply Packets").
package enum StopReply: Sendable, Equatable {
  /// `T` or `S`: a thread has stopped.
  case stopped(Stop)
  /// `W`: a process has ended; its exit code.
  case exited(process: ProcessID?, code: UInt8)
  /// `X`: a process was ended by a signal, by GDB's number.
  case killed(process: ProcessID?, signal: UInt8)
  /// `w`: a thread has ended; its exit code.
  case threadExited(RemoteThreadID, code: UInt64)
  /// `N`: no thread is left that was told to run.
  case nothingRuns
  /// `O`: text that the target wrote, where the server hands it on.
  case output([UInt8])

  /// A stopped thread.
  package struct Stop: Sendable, Equatable {
    /// The signal, by GDB's number; 0 for none.
    package var signal: UInt8
    /// The thread; nil where the server does not tell (it has only one).
    package var thread: RemoteThreadID?
    /// Why, where it is more than the signal.
    package var reason: Reason?
    /// Registers that came with it: by number, their bytes in the target's order.
    package var registers: [Int: [UInt8]]

    /// From its parts.
    package init(
      signal: UInt8, thread: RemoteThreadID? = nil, reason: Reason? = nil, registers: [Int: [UInt8]] = [:]
    ) {
      self.signal = signal
      self.thread = thread
      self.reason = reason
      self.registers = registers
    }
  }

  /// Why a thread has stopped.
  package enum Reason: Sendable, Equatable {
    case softwareBreakpoint
    case hardwareBreakpoint
    case watchpoint(address: UInt64)
    /// The thread has made a process by fork(2).
    case forked(child: RemoteThreadID)
    case vforked(child: RemoteThreadID)
    case vforkDone
    /// The process has become another program; its path.
    case executed(path: String)
    /// The thread is new.
    case created
    case librariesChanged
    case systemCallEntry(number: UInt64)
    case systemCallReturn(number: UInt64)
  }

  /// Reads a packet's or notification's data.
  package init(_ data: [UInt8]) throws(RemoteError) {
    guard let kind = data.first else { throw Self.malformed(data, "it is empty") }
    let rest = data.dropFirst()
    switch kind {
    case UInt8(ascii: "T"): self = .stopped(try Self.stop(rest, data))
    case UInt8(ascii: "S"):
      guard rest.count == 2, let signal = Self.byte(rest) else { throw Self.malformed(data, "its signal") }
      self = .stopped(Stop(signal: signal))
    case UInt8(ascii: "W"):
      let (value, process) = try Self.end(rest, data)
      self = .exited(process: process, code: UInt8(truncatingIfNeeded: value))
    case UInt8(ascii: "X"):
      let (value, process) = try Self.end(rest, data)
      guard let signal = UInt8(exactly: value) else { throw Self.malformed(data, "its signal") }
      self = .killed(process: process, signal: signal)
    case UInt8(ascii: "w"):
      let parts = rest.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
      guard parts.count == 2, let code = HexText.number(parts[0]), let thread = RemoteThreadID(parts[1])
      else {
        throw Self.malformed(data, "its thread")
      }
      self = .threadExited(thread, code: code)
    case UInt8(ascii: "N"): self = .nothingRuns
    case UInt8(ascii: "O"):
      guard let text = HexText.decode(rest) else { throw Self.malformed(data, "its text") }
      self = .output(text)
    default: throw Self.malformed(data, "an unknown kind")
    }
  }

  private static func malformed(_ data: [UInt8], _ why: String) -> RemoteError {
    .malformed(what: "stop reply", why: "\(why): \(String(decoding: data.prefix(80), as: UTF8.self))")
  }

  private static func byte(_ text: ArraySlice<UInt8>) -> UInt8? {
    HexText.number(text).flatMap { UInt8(exactly: $0) }
  }

  /// `AA` or `AA;process:PID`; some servers write more digits of an exit code.
  private static func end(
    _ text: ArraySlice<UInt8>, _ data: [UInt8]
  ) throws(RemoteError) -> (UInt64, ProcessID?) {
    let parts = text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
    guard let first = parts.first, let value = HexText.number(first) else {
      throw malformed(data, "its status")
    }
    var process: ProcessID?
    for part in parts.dropFirst() where part.starts(with: "process:".utf8) {
      process = HexText.number(part.dropFirst(8)).flatMap { Int32(exactly: $0) }
      if process == nil { throw malformed(data, "its process") }
    }
    return (value, process)
  }

  private static func stop(_ text: ArraySlice<UInt8>, _ data: [UInt8]) throws(RemoteError) -> Stop {
    guard text.count >= 2, let signal = byte(text.prefix(2)) else { throw malformed(data, "its signal") }
    var stop = Stop(signal: signal)
    for pair in text.dropFirst(2).split(separator: UInt8(ascii: ";")) {
      guard let colon = pair.firstIndex(of: UInt8(ascii: ":")) else {
        throw malformed(data, "a pair without a colon")
      }
      let key = pair[..<colon]
      let value = pair[(colon + 1)...]
      let name = String(decoding: key, as: UTF8.self)
      if name == "thread" {
        guard let thread = RemoteThreadID(value) else { throw malformed(data, "its thread") }
        stop.thread = thread
      } else if let reason = try reason(name, value, data) {
        stop.reason = reason
      } else if let number = HexText.number(key), number < 65536 {
        guard let bytes = HexText.decodeRegisters(value) else { throw malformed(data, "a register") }
        stop.registers[Int(number)] = bytes
      }
      // Other pairs (core, …) are to be passed over, says the manual.
    }
    return stop
  }

  private static func reason(
    _ name: String, _ value: ArraySlice<UInt8>, _ data: [UInt8]
  ) throws(RemoteError) -> Reason? {
    switch name {
    case "swbreak": return .softwareBreakpoint
    case "hwbreak": return .hardwareBreakpoint
    case "watch", "rwatch", "awatch":
      guard let address = HexText.number(value) else { throw malformed(data, "its address") }
      return .watchpoint(address: address)
    case "fork", "vfork":
      guard let child = RemoteThreadID(value) else { throw malformed(data, "its child") }
      return name == "fork" ? .forked(child: child) : .vforked(child: child)
    case "vforkdone": return .vforkDone
    case "create": return .created
    case "library": return .librariesChanged
    case "exec":
      guard let path = HexText.decode(value) else { throw malformed(data, "its path") }
      return .executed(path: String(decoding: path, as: UTF8.self))
    case "syscall_entry", "syscall_return":
      guard let number = HexText.number(value) else { throw malformed(data, "its system call") }
      return name == "syscall_entry" ? .systemCallEntry(number: number) : .systemCallReturn(number: number)
    default: return nil
    }
  }
}
