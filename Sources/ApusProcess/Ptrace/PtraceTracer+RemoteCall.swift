internal import ApusCore
internal import ApusSystem
internal import CApusLinux
internal import Glibc

/// The steps of a remote call, each with its numbered place in `PtraceTracer.call`.
package enum RemoteCallStep: Sendable, Hashable, CaseIterable {
  case frameWritten
  case registersSet
  case signalsBlocked
  case atEntry
  case atEnd
  case stoppedAgain
  case signalsRestored
  case registersRestored
}

extension PtraceTracer {
  /// Makes a system call in a stopped thread.
  ///
  /// We may be killed at any instant; the kernel then lets the thread go, and it must run on as if nothing had been:
  ///
  /// 1. The thread is brought to a stop in the kernel's signal code (a signal that it stopped with is delivered).
  /// 2. A signal frame with all its state is written below its stack: nothing that it uses.
  /// 3. Its registers are set, in one step: program counter at the gate, no system call to restart.
  /// 4. All its signals are blocked.
  /// 5. It runs to the call's entry and to its end.
  /// 6. It is brought to a stop in the signal code again, without an instruction of it having run.
  /// 7. Its signals, and 8. its registers are set back (where system calls do not keep the vector registers, those too). On
  ///    x86_64 the kernel restarts an interrupted system call by itself, with the time that was left. On arm64 it has
  ///    prepared the restart before our stop, and a call with a relative time limit (nanosleep) begins anew.
  ///
  /// Left alone after 1, 2 and 8, nothing has changed. From 3 to 7 it makes the call (again not, if it has),
  /// and returns from the frame by rt_sigreturn, which restores registers, vector registers and blocked signals. What
  /// is lost then: a sleep or poll with a time limit begins anew. Signals that arrive meanwhile stay pending; SIGSTOP
  /// is delivered at once. A thread inside sigsuspend, ppoll or pselect begins that call anew: a signal that arrived
  /// meanwhile and is blocked only during that call may be taken before it.
  ///
  /// - Throws: `gone` when the thread dies meanwhile; `remoteCall` when the call fails; `busy` where no call can be made;
  ///   `brokenGate` when the gate's code is not there.
  package func call(
    _ call: RemoteSystemCall, payload: [UInt8]?, _ arguments: [UInt64], on thread: ThreadID,
    through gate: RemoteCallGate
  ) throws(TraceError) -> UInt64 {
    try quiesce(thread)
    let memory = try memory(of: try process(of: thread))
    try verify(gate, memory)
    try refuseShadowStack(thread)
    let restoresSeccomp = try suspendSeccomp(thread)
    let result: Int64
    do throws(TraceError) {
      result = try perform(machine.number(of: call), payload, arguments, thread, gate, memory)
    } catch {
      if restoresSeccomp { setOptions(.usual, thread) }
      throw error
    }
    if restoresSeccomp { setOptions(.usual, thread) }
    if result < 0 && result >= -4095 {
      throw .remoteCall(call, errno: Errno(rawValue: Int32(-result)))
    }
    return UInt64(bitPattern: result)
  }

  private func perform(
    _ number: UInt64, _ payload: [UInt8]?, _ arguments: [UInt64], _ thread: ThreadID, _ gate: RemoteCallGate,
    _ memory: ProcessMemory
  ) throws(TraceError) -> Int64 {
    var original = try registers(of: thread)
    try leaveRestartableSequence(thread, &original, memory)
    let blocked = try blockedSignals(of: thread)
    rememberRestart(thread, original)

    let vectors = try vectorState(of: thread)
    guard
      let frame = machine.signalFrame(
        registers: machine.resumed(original, original: records[thread]?.restarting?.call),
        blocked: blocked.bits, vectorState: vectors, payload: payload ?? [],
        below: gate.stack?.end ?? machine.stackTop(original))
    else { throw .busy(thread: thread, why: "has vector registers that no signal frame of ours holds") }
    if let stack = gate.stack, frame.address < stack.start {
      throw .busy(thread: thread, why: "has no room for a signal frame in \(stack.count) bytes")
    }
    try write(frame, memory, thread, isOwnStack: gate.stack == nil)
    try afterCallStep?(.frameWritten)
    let calling = machine.calling(
      number, (payload == nil ? [] : [frame.payload]) + arguments, gate: gate.address,
      stackPointer: frame.stackPointer, from: original)
    try setRegisters(calling, of: thread)
    try afterCallStep?(.registersSet)
    try setBlockedSignals(.all, of: thread)

    try afterCallStep?(.signalsBlocked)
    try runToSystemCall(thread)
    try afterCallStep?(.atEntry)
    try runToSystemCall(thread)
    try afterCallStep?(.atEnd)
    let result = try registers(of: thread).result
    try stopInSignalCode(thread)
    try afterCallStep?(.stoppedAgain)
    try setBlockedSignals(blocked, of: thread)
    try afterCallStep?(.signalsRestored)
    if !machine.callsKeep(vectorState: vectors) { try setVectorState(vectors, of: thread) }
    try setRegisters(original, of: thread)
    try afterCallStep?(.registersRestored)
    return result
  }

  /// Brings a stopped thread to where a remote call can be made; a signal that it stopped with is delivered.
  package func quiesce(_ thread: ThreadID) throws(TraceError) {
    switch try requireStopped(thread) {
    case .event, .group: return
    case .created(.vfork): throw .busy(thread: thread, why: "waits for its vfork child")
    case .systemCallEntry: throw .busy(thread: thread, why: "is at the beginning of a system call")
    case .exiting: throw .gone(thread: thread)
    case .signal, .systemCallExit, .created, .executed, .vforkDone: try stopInSignalCode(thread)
    }
  }

  /// From a stop to the next PTRACE_EVENT_STOP, without an instruction in between (but a signal's delivery).
  ///
  /// No signal is taken here that has not been told of: the one that the thread stopped with has been, so whoever moves threads
  /// out of restartable code has done so; the kernel makes our stop before it looks for others; and from step 4 on all
  /// but SIGSTOP are blocked, which runs no handler. What comes meanwhile is told of after the call.
  private func stopInSignalCode(_ thread: ThreadID) throws(TraceError) {
    try check("INTERRUPT", thread, request(.interrupt, thread))
    var deliver: Int32 = 0
    if case .signal(let number) = try requireStopped(thread) { deliver = number }
    while true {
      try check("CONT", thread, request(.resume, thread, data: Int(deliver)))
      records[thread]?.state = .running
      let status = try awaitStop(thread)
      switch WaitStatus(status) {
      case .eventStop:
        records[thread]?.state = .stopped(.event)
        return
      case .groupStop(let signal):
        records[thread]?.state = .stopped(.group(signal))
        return
      case .signal(let number): deliver = number
      case .systemCall: deliver = 0
      default: try giveUp(thread, status)
      }
    }
  }

  /// Runs to the next system call stop. SIGSTOP, which cannot be blocked, is delivered, and the stop it leads to left.
  private func runToSystemCall(_ thread: ThreadID) throws(TraceError) {
    var deliver: Int32 = 0
    while true {
      try check("SYSCALL", thread, request(.resumeToSystemCall, thread, data: Int(deliver)))
      records[thread]?.state = .running
      let status = try awaitStop(thread)
      switch WaitStatus(status) {
      case .systemCall:
        records[thread]?.state = .stopped(.systemCallExit)
        return
      case .signal(let number): deliver = number
      case .eventStop, .groupStop: deliver = 0
      default: try giveUp(thread, status)
      }
    }
  }

  /// The thread dies, or its process does: `next` tells of it.
  private func giveUp(_ thread: ThreadID, _ status: Int32) throws(TraceError) {
    try accept(thread, status)
    throw .gone(thread: thread)
  }

  private func verify(_ gate: RemoteCallGate, _ memory: ProcessMemory) throws(TraceError) {
    let code: [UInt8]
    do throws(MemoryError) {
      code = try memory.read(gate.address, count: machine.gateCode.count)
    } catch {
      if error.reason == .gone { throw .gone(thread: memory.process) }
      throw .brokenGate(process: memory.process, address: gate.address)
    }
    if code != machine.gateCode { throw .brokenGate(process: memory.process, address: gate.address) }
  }

  private func write(
    _ frame: SignalFrame, _ memory: ProcessMemory, _ thread: ThreadID, isOwnStack: Bool
  ) throws(TraceError) {
    if isOwnStack {
      // A write by force would go through a guard page; the thread's own return from the frame would not.
      let last = frame.address &+ UInt64(frame.bytes.count) &- 1
      let mappings: [MemoryMapping]
      do throws(SystemError) { mappings = try ProcessMaps.read(process: thread) } catch {
        if error.errno == .noSuchFile || error.errno == .noSuchProcess { throw .gone(thread: thread) }
        throw .system(error)
      }
      let isThere = mappings.contains {
        $0.isReadable && $0.isWritable && $0.range.contains(last)
          && ($0.range.contains(frame.address) || $0.name == "[stack]")
      }
      if !isThere { throw .busy(thread: thread, why: "has no room for a signal frame on its stack") }
    }
    do throws(MemoryError) { try memory.write(frame.bytes, at: frame.address) } catch { throw .memory(error) }
  }

  /// A thread that is interrupted for the second time is in restart_syscall, which hides the call that it stands for.
  private func rememberRestart(_ thread: ThreadID, _ registers: RegisterFile) {
    guard let call = machine.callThatMayRestart(registers) else {
      records[thread]?.restarting = nil
      return
    }
    if machine.isInRestart(registers) {
      if records[thread]?.restarting?.programCounter == registers.programCounter { return }
      records[thread]?.restarting = nil
    } else {
      records[thread]?.restarting = .init(programCounter: registers.programCounter, call: call)
    }
  }

  /// A thread that is inside a restartable sequence (rseq(2)) and moved elsewhere has left it: as for a signal's
  /// delivery, it goes on at the sequence's abort handler.
  private func leaveRestartableSequence(
    _ thread: ThreadID, _ registers: inout RegisterFile, _ memory: ProcessMemory
  ) throws(TraceError) {
    var configuration: [UInt64] = [0, 0, 0]  // pointer; size, signature; flags, padding
    let got = unsafe configuration.withUnsafeMutableBytes {
      request(.restartableSequence, thread, address: $0.count, data: Int(bitPattern: $0.baseAddress))
    }
    // A kernel that cannot tell (before 5.13) has no users of it in its C library either.
    guard got > 0, configuration[0] != 0 else { return }
    do throws(MemoryError) {
      let field = configuration[0] &+ 8
      let descriptor = try memory.readWord(field)
      if descriptor == 0 { return }
      // struct rseq_cs: version and flags, start_ip, post_commit_offset, abort_ip
      let start = try memory.readWord(descriptor &+ 8)
      let length = try memory.readWord(descriptor &+ 16)
      guard registers.programCounter &- start < length else { return }
      registers.programCounter = try memory.readWord(descriptor &+ 24)
    } catch {
      if error.reason == .gone { throw .gone(thread: thread) }
      return  // the kernel would not make anything of it either
    }
    try setRegisters(registers, of: thread)
  }

  private func refuseShadowStack(_ thread: ThreadID) throws(TraceError) {
    guard let stack = machine.shadowStack else { return }
    do throws(TraceError) {
      let bytes = try registerSet(stack.registerSet, of: thread, room: 8)
      if !machine.isShadowStackActive(bytes) { return }
    } catch .system {
      return  // ENODEV or EINVAL: there is none
    }
    throw .busy(thread: thread, why: "has a hardware shadow stack; \(stack.advice)")
  }

  /// A filter would judge our calls too. Returns whether it has been suspended.
  private func suspendSeccomp(_ thread: ThreadID) throws(TraceError) -> Bool {
    let mode: Int32
    do throws(SystemError) {
      mode = try ProcessStatus.read(process: thread).seccomp ?? 0
    } catch {
      if error.errno == .noSuchFile || error.errno == .noSuchProcess { throw .gone(thread: thread) }
      throw .system(error)
    }
    if mode == 0 { return false }
    if mode == 1 { throw .busy(thread: thread, why: "is in seccomp's strict mode, which allows no calls") }
    let result = setOptions([.usual, .suspendSeccomp], thread)
    if result == -Int(ESRCH) { throw .gone(thread: thread) }
    if result < 0 {
      throw .busy(
        thread: thread,
        why: "has a seccomp filter, which only a user with CAP_SYS_ADMIN may suspend: run apus as root")
    }
    return true
  }

  @discardableResult
  private func setOptions(_ options: PtraceOptions, _ thread: ThreadID) -> Int {
    request(.setOptions, thread, data: options.rawValue)
  }
}
