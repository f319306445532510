import ApusProcess
import ApusSystem
import CApusLinux
import Glibc
import Synchronization
import Testing

/// A small C program, compiled at test time, once.
struct TestProgram {
  let path: String

  private static let made = Mutex<[String: String]>([:])
  private static let directory = "/tmp/apus-process-tests-\(getpid())"

  init(
    _ name: String, _ source: String, flags: [String] = ["-O1", "-pthread"], compiler: String = "/usr/bin/cc"
  ) throws {
    path = try Self.made.withLock { made in
      let key = name + flags.joined()
      if let path = made[key] { return path }
      if made.isEmpty { atexit { _ = try? Child.run(["/bin/rm", "-rf", TestProgram.directory]) } }
      unsafe mkdir(Self.directory, 0o755)
      let path = "\(Self.directory)/\(name)-\(made.count)"
      let file = try FileDescriptor.open(path + ".c", flags: O_WRONLY | O_CREAT | O_TRUNC)
      try file.writeFully(Array(source.utf8))
      try file.close()
      let status = try Child.run([compiler] + flags + ["-o", path, path + ".c"])
      try #require(status == 0, "\(compiler) failed for \(name)")
      made[key] = path
      return path
    }
  }

  /// A path for a program's output that no other test has.
  static func outputPath() -> String {
    unsafe mkdir(directory, 0o755)
    let number = counter.withLock { value in
      value += 1
      return value
    }
    return "\(directory)/out-\(number)"
  }
  private static let counter = Mutex<Int>(0)

  /// A file's text, and the file is removed.
  static func take(_ path: String) throws -> String {
    let text = try WholeFile.text(path)
    unsafe unlink(path)
    return text
  }
}

/// Children that are waited for by their own number only.
enum Child {
  static func spawn(_ command: [String], environment: [String]? = nil, descriptor: Int32? = nil) throws
    -> Int32
  {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    if let descriptor { unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, 99) }
    // The thread that runs a test may block signals; a program that is started should not.
    var attributes = posix_spawnattr_t()
    var none = sigset_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let arguments = unsafe command.map { unsafe strdup($0) } + [nil]
    defer { unsafe arguments.forEach { unsafe free($0) } }
    var variables = unsafe (environment ?? []).map { unsafe strdup($0) } + [nil]
    defer { unsafe variables.forEach { unsafe free($0) } }
    var child: pid_t = 0
    let error = unsafe variables.withUnsafeMutableBufferPointer {
      let own = unsafe environment == nil ? apus_environment() : $0.baseAddress
      return unsafe posix_spawn(&child, command[0], &actions, &attributes, arguments, own)
    }
    try #require(error == 0)
    return child
  }

  /// A child's wait status; one that does not end within a minute is killed.
  static func wait(_ child: Int32) -> Int32 {
    var status: Int32 = 0
    let deadline = ContinuousClock.now + .seconds(60)
    while unsafe waitpid(child, &status, WNOHANG) == 0 {
      if ContinuousClock.now > deadline {
        Issue.record("process \(child) does not end")
        unsafe kill(child, SIGKILL)
        unsafe waitpid(child, &status, 0)
        break
      }
      usleep(1000)
    }
    return status
  }

  static func run(_ command: [String]) throws -> Int32 { wait(try spawn(command)) }
}

/// Runs a tracer on a thread of its own.
func onTracer<Value: Sendable>(
  _ body: @escaping @Sendable (PtraceTracer) throws -> Value
) throws -> Value {
  let result = try SystemThread.running { Result { try body(try PtraceTracer()) } }
  return try #require(result).get()
}

extension PtraceTracer {
  /// Resumes everything until `process` has ended, and tells of each event first.
  func runToEnd(
    _ process: ProcessID, _ seen: (TraceEvent) throws -> Void = { _ in }
  ) throws -> Termination {
    if isStopped(process) { try resume(process) }
    while true {
      let event = try #require(try next(timeoutMilliseconds: 10_000), "nothing happens any more")
      try seen(event)
      if case .exited(let status) = event.kind {
        if event.thread == process { return status }
      } else if (try? self.process(of: event.thread)) != nil {
        try resume(event.thread)
      }
    }
  }

  /// Interrupts a running thread and resumes all that comes before it has stopped. False: it has ended instead.
  func stop(_ thread: ThreadID, _ seen: (TraceEvent) throws -> Void = { _ in }) throws -> Bool {
    do throws(TraceError) { try interrupt(thread) } catch { return false }
    while let event = try next(timeoutMilliseconds: 10_000) {
      try seen(event)
      if case .exited = event.kind {
        if event.thread == thread { return false }
        continue
      }
      if event.thread == thread, event.kind == .interrupted { return true }
      try resume(event.thread)
    }
    Issue.record("nothing happens any more")
    return false
  }

  /// Up to the moment when remote calls can be made in a program that has just been started.
  func prepare(_ process: ProcessID) throws -> BootstrapGate {
    try #require(try runUntilThreadPointerSet(process) == .set)
    return try installBootstrapGate(process)
  }
}
