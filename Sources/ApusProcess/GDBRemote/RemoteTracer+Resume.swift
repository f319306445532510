internal import ApusCore
internal import ApusSystem
internal import CApusLinux
internal import Glibc

extension RemoteTracer {
  /// Lets a stopped thread run on. In all-stop mode all others run on with it.
  package func resume(_ thread: ThreadID, signal: Int32? = nil) throws(TraceError) {
    let record: RemoteThreadRecord
    do throws(TraceError) { record = try requireStopped(thread) } catch .gone { return }
    let deliver = try number(signal, record)
    // An event that is still to be told (it came during a remote call) found the thread stopped, and whoever hears of it
    // will resume it.
    let mustWait = ready.contains {
      if case .exited = $0.kind { return false }
      return capabilities.isAllStop || $0.thread == thread
    }
    if mustWait {
      records[thread]?.signal = deliver
      return
    }
    do throws(RemoteError) {
      if capabilities.isAllStop {
        try resumeAll(first: record.id, signal: deliver)
      } else {
        try send(action("c", deliver) + ":" + record.id.text)
        markRunning(thread)
      }
    } catch { throw .remote(error) }
  }

  package func resumeAlone(_ thread: ThreadID, signal: Int32?) throws(TraceError) {
    let record = try requireStopped(thread)
    let deliver = try number(signal, record)
    ready.removeAll { event in
      if case .exited = event.kind { return false }
      return true
    }
    do throws(RemoteError) { try send(action("c", deliver) + ":" + record.id.text) } catch {
      throw .remote(error)
    }
    markRunning(thread)
  }

  /// GDB's number of what is to be delivered.
  private func number(_ signal: Int32?, _ record: RemoteThreadRecord) throws(TraceError) -> UInt8 {
    guard let signal else { return record.signal }
    guard let number = RemoteSignal.fromLinux(signal) else {
      throw .busy(thread: record.id.thread, why: "cannot be given signal \(signal) through a GDB server")
    }
    return number
  }

  private func action(_ letter: String, _ signal: UInt8) -> String {
    if signal == 0 { return letter }
    return letter.uppercased() + (signal < 16 ? "0" : "") + String(signal, radix: 16)
  }

  /// Lets all run. Each thread that stopped with a signal which nobody decided about is given it.
  func resumeAll(first: RemoteThreadID? = nil, signal: UInt8 = 0) throws(RemoteError) {
    var actions: [String] = []
    if let first, signal != 0 { actions.append(action("c", signal) + ":" + first.text) }
    for record in records.values where record.signal != 0 && record.id != first {
      actions.append(action("c", record.signal) + ":" + record.id.text)
    }
    actions.append("c")
    try send(actions.joined(separator: ";"))
    for thread in records.keys { markRunning(thread) }
  }

  private func markRunning(_ thread: ThreadID) {
    records[thread]?.isStopped = false
    records[thread]?.signal = 0
    records[thread]?.registers = nil
  }

  /// Sends `vCont`: in non-stop mode its answer comes at once, otherwise it is the next stop.
  func send(_ actions: String) throws(RemoteError) {
    let request = "vCont;" + actions
    if server.isNonStop { return try server.command(request) }
    if server.isRunning { throw .running(request: request) }
    try server.connection.send(Array(request.utf8))
    server.isRunning = true
    server.forgetSelection()
  }

  /// Asks a running thread to stop; see `TracerCapabilities.InterruptKind`.
  package func interrupt(_ thread: ThreadID) throws(TraceError) {
    guard let record = records[thread], !record.isStopped else { throw .notStopped(thread: thread) }
    do throws(RemoteError) {
      switch capabilities.interrupt {
      case .perThread: try server.command("vCont;t:" + record.id.text)
      case .breakCharacter: try server.connection.sendInterrupt()
      case .signal(let process):
        let result = Kernel.raw(APUS_SYS_kill, Int(process), Int(SIGTRAP))
        if result < 0 {
          throw .connection(
            SystemError(call: "kill", errno: Errno(rawValue: Int32(clamping: -result)), context: "\(process)")
          )
        }
      case .none:
        throw .unsupported(
          request: "an interrupt", need: "connect through a socket of the file system, or name qemu's process"
        )
      }
    } catch { throw .remote(error) }
    interrupting.append(thread)
  }

  /// Lets a process go for good, with all its threads: servers know no less. In all-stop mode others that are held stay
  /// stopped. A signal is the server's to deliver: that with which the thread stopped.
  package func detach(_ thread: ThreadID, signal: Int32? = nil) throws(TraceError) {
    let record = try requireStopped(thread)
    do throws(RemoteError) {
      if record.id.process == nil {
        try server.command("D")
      } else {
        try server.command("D;" + String(record.process, radix: 16))
      }
    } catch { throw .remote(error) }
    server.forgetSelection()
    for (other, known) in records where known.process == record.process { records[other] = nil }
    ready.removeAll { $0.process == record.process }
    memories[record.process] = nil
  }

  /// Ends the connection. What is still held stays stopped at gdbserver, and is killed by `gdbserver --once`.
  package func disconnect() {
    server.connection.close()
    records = [:]
    ready = []
    memories = [:]
  }
}
