package import ApusCore
internal import ApusSystem
internal import Glibc

/// What a recording needs of a target besides a tracer's work.
extension RemoteTracer {
  /// Where the counter's code stands in the page of a gate.
  static let counterOffset: UInt64 = 64

  package var gateCode: [UInt8] { machine.gateCode }

  package func threadPointer(of thread: ThreadID) throws(TraceError) -> UInt64 {
    try registers(of: thread).threadPointer ?? 0
  }

  /// Whether the server stops threads at an address when it is asked to, for ``insertBreakpoint(at:)``.
  private func breakpoint(_ letter: String, _ address: Address, _ thread: ThreadID) throws(TraceError) {
    let record = try requireStopped(thread)
    let kind = machine.instructionAlignment == 1 ? 1 : 4  // the length of the instruction
    do throws(RemoteError) {
      try server.select(record.id)
      try server.command("\(letter)0,\(String(address, radix: 16)),\(kind)")
    } catch { throw .remote(error) }
  }

  /// Runs a stopped thread, alone in its process, until it is about to execute the instruction at one of some addresses, where it
  /// is stopped. Signals are delivered meanwhile.
  ///
  /// - Returns: the address; nil if it has ended before.
  package func run(_ thread: ThreadID, to addresses: [Address]) throws(TraceError) -> Address? {
    // A server does not step over its own breakpoint.
    let here = try registers(of: thread).programCounter
    if addresses.contains(here) { try step(thread, from: here) }
    for address in addresses { try breakpoint("Z", address, thread) }
    try resume(thread, signal: nil)
    while let event = try next() {
      switch event.kind {
      case .exited:
        if event.thread == thread { return nil }
      case .signal(let info) where info.number == SIGTRAP:
        let counter = try registers(of: event.thread).programCounter
        guard let address = addresses.first(where: { $0 == counter }), event.thread == thread else {
          fallthrough
        }
        records[thread]?.signal = 0
        for address in addresses { try breakpoint("z", address, thread) }
        return address
      default: try resume(event.thread, signal: nil)
      }
    }
    return nil
  }

  /// The counter that events are stamped with, read by a stopped thread; in the middle of `before` and `after`, of CLOCK_MONOTONIC.
  package func readCounter(
    on thread: ThreadID, through gate: RemoteCallGate
  ) throws(TraceError) -> (counter: UInt64, before: UInt64, after: UInt64) {
    let original = try registers(of: thread)
    let saved = try rawRegisters(of: thread)
    let signal = records[thread]?.signal ?? 0
    let address = gate.address + Self.counterOffset
    try setRegisters(machine.calling(0, [], at: address, from: original), of: thread)
    let before = Clock.monotonic.now()
    try step(thread, from: address)
    let after = Clock.monotonic.now()
    let value = machine.counter(try registers(of: thread))
    guard let id = records[thread]?.id else { throw .gone(thread: thread) }
    do throws(RemoteError) { try setRaw(saved, id) } catch { throw .remote(error) }
    let restored = machine.restored(original)
    if restored != original { try setRegisters(restored, of: thread) }
    records[thread]?.signal = signal
    return (value, before, after)
  }

  /// All of a file of the target's system, read by system calls of a stopped thread: where the server reads no files. The path is
  /// looked up as the target sees it, /proc/self included.
  package func readFile(
    _ path: String, on thread: ThreadID, through gate: RemoteCallGate, limit: Int = 64 << 20
  ) throws(TraceError) -> [UInt8] {
    guard let room = gate.stack, path.utf8.count < room.count else {
      throw .busy(thread: thread, why: "has a gate without memory for a path")
    }
    let memory = try memory(of: try process(of: thread))
    do throws(MemoryError) { try memory.write(Array(path.utf8) + [0], at: room.start) } catch {
      throw .memory(error)
    }
    let directory = UInt64(bitPattern: Int64(AT_FDCWD))
    let file = try systemCall(
      machine.openat, [directory, room.start, UInt64(O_RDONLY | O_CLOEXEC), 0], on: thread, through: gate)
    guard file >= 0 else { throw failure("reading \(path)", file) }
    var all: [UInt8] = []
    var result: Int64 = 0
    while all.count < limit {
      result = try systemCall(
        machine.read, [UInt64(file), room.start, room.count], on: thread, through: gate)
      guard result > 0, result <= room.count else { break }
      do throws(MemoryError) { all += try memory.read(room.start, count: Int(result)) } catch {
        throw .memory(error)
      }
    }
    _ = try systemCall(machine.number(of: .close), [UInt64(file)], on: thread, through: gate)
    if result < 0 { throw failure("reading \(path)", result) }
    return all
  }

  private func failure(_ request: String, _ result: Int64) -> TraceError {
    .remote(.failed(request: request, answer: Errno(rawValue: Int32(clamping: -result)).description))
  }

  /// Ends a process for good.
  package func kill(_ process: ProcessID) throws(TraceError) {
    do throws(RemoteError) {
      if records.values.contains(where: { $0.id.process != nil }) {
        try server.command("vKill;" + String(process, radix: 16))
      } else {
        try server.connection.send([UInt8(ascii: "k")])
      }
    } catch { throw .remote(error) }
    for (thread, record) in records where record.process == process { records[thread] = nil }
    ready.removeAll { $0.process == process }
    memories[process] = nil
  }
}
