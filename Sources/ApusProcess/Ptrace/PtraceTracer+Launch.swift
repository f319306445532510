internal import ApusSystem
internal import CApusLinux
internal import Glibc

extension PtraceTracer {
  /// Starts a program under this tracer. It stands at its exec when this returns: its image and the dynamic loader's
  /// are mapped, nothing has run yet.
  ///
  /// - Returns: the process, which is its first thread's number too.
  /// - Throws: `notExecutable` with exec's reason (see `launchStatus`); `unsupportedMachine` for a 32-bit program, which
  ///   has been killed then.
  package func launch(_ launch: LaunchRequest) throws(TraceError) -> ProcessID {
    guard let program = launch.command.first else {
      throw .notExecutable(program: "", errno: .noSuchFile)
    }
    let gate = try pipe()
    let report = try pipe()
    let child = fork(launch, gate.reading.rawValue, gate.writing.rawValue, report.writing.rawValue)
    if child < 0 { throw .system(SystemError(call: "fork", errno: Errno(rawValue: Int32(clamping: -child)))) }
    let process = ProcessID(truncatingIfNeeded: child)

    let seized = request(.seize, process, data: PtraceOptions.usual.rawValue)
    if seized < 0 {
      SystemKill.killAndReap(process)  // it waits at the gate: nothing of it can be lost
      throw .refused(
        process: process, why: TraceRefusal.reason(process, errno: Errno(rawValue: Int32(-seized))))
    }
    records[process] = ThreadRecord(process: process, state: .running)
    do throws(SystemError) { try gate.writing.writeFully([1]) } catch {
      abandon(process)
      throw .system(error)
    }
    do throws(TraceError) {
      return try awaitExec(process, program: program, report.reading, report.writing.rawValue)
    } catch {
      abandon(process)
      throw error
    }
  }

  private func awaitExec(
    _ process: ProcessID, program: String, _ reading: borrowing FileDescriptor, _ writing: Int32
  ) throws(TraceError) -> ProcessID {
    while true {
      let status = try awaitStop(process)
      switch WaitStatus(status) {
      case .executed:
        try accept(process, status)
        return try finishLaunch(process)
      case .ended:
        records[process] = nil
        throw .notExecutable(program: program, errno: reason(reading, writing))
      case .signal(let number):
        records[process]?.state = .stopped(.signal(number))
        try resume(process)
      case .groupStop(let number):
        records[process]?.state = .stopped(.group(number))
        try resume(process)
      default:
        records[process]?.state = .stopped(.event)
        try resume(process)
      }
    }
  }

  /// Ends a process that has not run a line of its program yet: not traced, it must not run.
  private func abandon(_ process: ProcessID) {
    guard records[process] != nil else { return }
    _ = Kernel.raw(APUS_SYS_kill, Int(process), Int(SIGKILL))
    do throws(TraceError) {
      while let event = try next(timeoutMilliseconds: 1000) {
        if isStopped(event.thread) { try resume(event.thread) }
      }
    } catch {
      // It has been killed; who is not told of its end here is told by nothing else. The first error counts.
    }
  }

  private func pipe() throws(TraceError) -> FileDescriptor.Pipe {
    do throws(SystemError) { return try FileDescriptor.pipe() } catch { throw .system(error) }
  }

  private func finishLaunch(_ process: ProcessID) throws(TraceError) -> ProcessID {
    let event = ready.removeLast()
    if case .executed(_, isSupported: false) = event.kind {
      _ = Kernel.raw(APUS_SYS_kill, Int(process), Int(SIGKILL))
      try resume(process)
      while let event = try next() {
        if isStopped(event.thread) { try resume(event.thread) }
      }
      throw .unsupportedMachine(process: process, why: Self.thirtyTwoBit)
    }
    return process
  }

  /// What the child said before it ended; the errno of exec.
  private func reason(_ reading: borrowing FileDescriptor, _ writing: Int32) -> Errno {
    // Our own writing end is open still, so an empty pipe is asked for without blocking.
    var word: [UInt8] = []
    do throws(SystemError) {
      let ready = try Poll.readable([reading.rawValue], timeoutMilliseconds: 0)
      if ready[0] { word = try reading.read(count: 4) }
    } catch { return error.errno }
    guard word.count == 4 else { return .interrupted }  // killed before it came to exec
    return unsafe Errno(rawValue: word.withUnsafeBytes { unsafe $0.loadUnaligned(as: Int32.self) })
  }

  private func fork(_ launch: LaunchRequest, _ gateRead: Int32, _ gateWrite: Int32, _ report: Int32) -> Int {
    var arguments = unsafe launch.command.map { unsafe strdup($0) } + [nil]
    defer { unsafe arguments.forEach { unsafe free($0) } }
    var variables = unsafe (launch.environment ?? []).map { unsafe strdup($0) } + [nil]
    defer { unsafe variables.forEach { unsafe free($0) } }
    return unsafe arguments.withUnsafeMutableBufferPointer { arguments in
      unsafe variables.withUnsafeMutableBufferPointer { variables in
        let environment = unsafe launch.environment == nil ? apus_environment() : variables.baseAddress
        return Int(
          unsafe apus_launch(arguments.baseAddress, environment, gateRead, gateWrite, report))
      }
    }
  }
}

/// The end of a child that never became anything.
enum SystemKill {
  static func killAndReap(_ process: ProcessID) {
    _ = Kernel.raw(APUS_SYS_kill, Int(process), Int(SIGKILL))
    var status: Int32 = 0
    _ = unsafe withUnsafeMutableBytes(of: &status) {
      Kernel.raw(
        APUS_SYS_wait4, Int(process), Int(bitPattern: $0.baseAddress), 0x4000_0000, 0)
    }
  }
}
