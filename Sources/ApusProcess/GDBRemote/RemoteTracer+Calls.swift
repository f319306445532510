internal import ApusCore
internal import ApusSystem

extension RemoteTracer {
  /// Makes a system call in a stopped thread.
  ///
  /// 1. All registers are taken, and the payload is written.
  /// 2. The registers are set: program counter at the gate, nothing for the kernel to restart.
  /// 3. The thread alone makes one step. (qemu makes two: the gate's next instruction does nothing.)
  /// 4. The result is taken, and the registers are set back: the kernel restarts an interrupted call as it would have,
  ///    or that is done for it; on ppc64le the thread stands before the interrupted call then.
  ///
  /// When we are killed meanwhile, the thread stays where it is, stopped by the server. Signals that arrive wait at the
  /// server or are told of after the call. A thread inside a restartable sequence (rseq(2)) loses its protection: servers do not
  /// tell of it.
  package func call(
    _ call: RemoteSystemCall, payload: [UInt8]?, _ arguments: [UInt64], on thread: ThreadID,
    through gate: RemoteCallGate
  ) throws(TraceError) -> UInt64 {
    var arguments = arguments
    if call == .mmap, arguments.count > 3 { arguments[3] = machine.mappingFlags(arguments[3]) }
    let result = try systemCall(
      machine.number(of: call), payload: payload, arguments, on: thread, through: gate)
    if result < 0 && result >= -4095 {
      throw .remoteCall(call, errno: Errno(rawValue: Int32(-result)))
    }
    return UInt64(bitPattern: result)
  }

  /// As `call`, by the architecture's number; gives what the kernel gives: a result, or a negated error number.
  package func systemCall(
    _ number: UInt64, payload: [UInt8]? = nil, _ arguments: [UInt64], on thread: ThreadID,
    through gate: RemoteCallGate
  ) throws(TraceError) -> Int64 {
    let original = try registers(of: thread)
    let memory = try memory(of: try process(of: thread))
    let code: [UInt8]
    do throws(MemoryError) {
      code = try memory.read(gate.address, count: machine.gateCode.count)
    } catch {
      if case .remote(let reason) = error.reason { throw .remote(reason) }
      throw .brokenGate(process: memory.process, address: gate.address)
    }
    if code != machine.gateCode { throw .brokenGate(process: memory.process, address: gate.address) }
    guard let payload else {
      return try perform(number, arguments, at: gate.address, on: thread, from: original)
    }
    let place = gate.stack?.start ?? (original.stackPointer &- machine.redZone &- 128) & ~15
    let saved: [UInt8]
    do throws(MemoryError) {
      saved = try memory.read(place, count: payload.count)
      try memory.write(payload, at: place)
    } catch { throw .memory(error) }
    let result = try perform(number, [place] + arguments, at: gate.address, on: thread, from: original)
    do throws(MemoryError) {
      if gate.stack == nil { try memory.write(saved, at: place) }
    } catch { throw .memory(error) }
    return result
  }

  /// Steps over a system call instruction that stands at `address`.
  func perform(
    _ number: UInt64, _ arguments: [UInt64], at address: Address, on thread: ThreadID,
    from original: RegisterFile
  ) throws(TraceError) -> Int64 {
    let saved = try rawRegisters(of: thread)
    let signal = records[thread]?.signal ?? 0
    try setRegisters(machine.calling(number, arguments, at: address, from: original), of: thread)
    try step(thread, from: address)
    let after = try registers(of: thread)
    guard let id = records[thread]?.id else { throw .gone(thread: thread) }
    do throws(RemoteError) { try setRaw(saved, id) } catch { throw .remote(error) }
    let restored = machine.restored(original)
    if restored != original { try setRegisters(restored, of: thread) }
    if signal != 0 { records[thread]?.signal = signal }
    return machine.result(after)
  }

  /// Makes a stopped thread leave `address`, alone. What happens to others meanwhile is told by `next`.
  func step(_ thread: ThreadID, from address: Address) throws(TraceError) {
    guard let id = records[thread]?.id else { throw .gone(thread: thread) }
    isStepping = true
    defer { isStepping = false }
    do throws(RemoteError) {
      for _ in 0..<16 {
        try send("s:" + id.text)
        records[thread]?.isStopped = false
        records[thread]?.registers = nil
        try awaitStop(thread)
        guard records[thread] != nil else {
          throw RemoteError.failed(request: "vCont;s", answer: "the thread ended")
        }
        let counter: Address
        do throws(TraceError) { counter = try registers(of: thread).programCounter } catch {
          if case .remote(let reason) = error { throw reason }
          throw RemoteError.failed(request: "vCont;s", answer: error.description)
        }
        if counter != address { return }
      }
      throw RemoteError.failed(
        request: "vCont;s", answer: "the thread does not leave \(hexadecimal(address))")
    } catch {
      if records[thread] == nil { throw .gone(thread: thread) }
      throw .remote(error)
    }
  }

  /// Waits until a thread that makes a step has stopped, or (all-stop) any has, which stops it too. The step's own stop
  /// is no event.
  private func awaitStop(_ thread: ThreadID) throws(RemoteError) {
    let start = Clock.monotonic.now()
    while let record = records[thread], !record.isStopped {
      let notification = server.connection.takeNotification()
      var replies: [StopReply] = []
      if let notification {
        replies = try stops(notification)
      } else {
        let gone = Int(clamping: (Clock.monotonic.now() &- start) / 1_000_000)
        switch try server.connection.receive(
          timeoutMilliseconds: max(0, options.timeoutMilliseconds - gone), waker: nil)
        {
        case .packet(let data)?: replies = [try StopReply(data)]
        case .notification(let data)?: replies = try stops(data)
        case nil: throw .silent(request: "vCont;s", milliseconds: options.timeoutMilliseconds)
        }
      }
      for reply in replies {
        if case .stopped(let stop) = reply, stop.signal == 5, stop.reason == nil,
          stop.thread.map({ $0.thread == thread }) ?? true
        {
          _ = try stopped(stop)
        } else {
          try accept(reply)
        }
      }
    }
  }

  private func stops(_ notification: [UInt8]) throws(RemoteError) -> [StopReply] {
    guard notification.starts(with: "Stop:".utf8) else { return [] }
    var replies = [try StopReply(stopData(notification))]
    for data in try drainStops() { replies.append(try StopReply(data)) }
    return replies
  }
}
