import ApusCore
import ApusProcess
import ApusSystem
import Glibc
import Testing

/// A server of GDB's remote protocol with a small program of ours, of one of three architectures.
final class RemoteServerProcess {
  /// Which server, for which architecture.
  enum Kind: String, CaseIterable, Sendable {
    case gdbserver, gdbserverNonStop, qemuARM64, qemuPPC64LE

    var architecture: Architecture {
      switch self {
      case .gdbserver, .gdbserverNonStop: .x86_64
      case .qemuARM64: .arm64
      case .qemuPPC64LE: .ppc64le
      }
    }
    fileprivate var compiler: String {
      switch self {
      case .gdbserver, .gdbserverNonStop: "/usr/bin/cc"
      case .qemuARM64: "/usr/bin/aarch64-linux-gnu-gcc"
      case .qemuPPC64LE: "/usr/bin/powerpc64le-linux-gnu-gcc"
      }
    }
    /// The numbers of write and getpid.
    var write: UInt64 { [.x86_64: 1, .arm64: 64, .ppc64le: 4][architecture] ?? 0 }
  }

  let tracer: RemoteTracer
  /// What the program writes goes there.
  let outputPath: String
  private let server: Int32
  private let socket: String
  private var hasEnded = false

  /// Starts `source` under a server, its output in a file, and connects.
  init(_ kind: Kind, _ name: String, _ source: String, arguments: [String] = []) throws {
    let flags = ["-O1", "-pthread"] + (kind.architecture == .x86_64 ? [] : ["-static"])
    let program = try TestProgram(kind.rawValue + name, source, flags: flags, compiler: kind.compiler).path
    outputPath = TestProgram.outputPath()
    socket = TestProgram.outputPath() + ".socket"
    var options = RemoteTracer.Options()
    let words = ([program] + arguments).joined(separator: " ")
    let (output, log) = (outputPath, outputPath + ".log")
    func start(_ command: String) throws -> Int32 {
      try Child.spawn(["/bin/sh", "-c", "exec \(command) \(words) > \(output) 2> \(log)"])
    }
    switch kind {
    case .gdbserver, .gdbserverNonStop:
      options.nonStop = kind == .gdbserverNonStop
      server = try start("setsid gdbserver --once 127.0.0.1:0")
    case .qemuARM64, .qemuPPC64LE:
      server = try start("qemu-\(kind == .qemuARM64 ? "aarch64" : "ppc64le") -g \(socket)")
    }
    defer { unsafe unlink(log) }
    do {
      let address = kind.architecture == .x86_64 ? try Self.port(in: log) : .unix(path: socket)
      tracer = try RemoteTracer(to: address, options: options)
    } catch {
      kill(server, SIGKILL)
      _ = Child.wait(server)
      throw error
    }
  }

  /// Where gdbserver says in its log that it listens.
  static func port(in log: String) throws -> SocketAddress {
    for _ in 0..<1000 {
      let line = (try? WholeFile.text(log))?.split(separator: "\n").last {
        $0.hasPrefix("Listening on port ")
      }
      if let address = line.flatMap({ SocketAddress("127.0.0.1:" + $0.dropFirst(18)) }) { return address }
      usleep(10_000)
    }
    throw RemoteError.silent(request: "being started", milliseconds: 10_000)
  }

  /// A port of the loopback interface that nobody listens at.
  static func freePort() throws -> UInt16 {
    let number = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(number, $0, length) == 0 && getsockname(number, $0, &length) == 0
      }
    }
    try #require(isBound)
    return UInt16(bigEndian: address.sin_port)
  }

  /// The only process.
  func process() throws -> ProcessID { try #require(tracer.processes.first) }
  /// Its first thread.
  func thread() throws -> ThreadID { try #require(tracer.threads(of: try process()).first) }

  /// Resumes all until the process has ended, and tells of each event first.
  func runToEnd(_ seen: (TraceEvent) throws -> Void = { _ in }) throws -> Termination {
    let process = try process()
    for thread in tracer.threads(of: process) where tracer.isStopped(thread) { try tracer.resume(thread) }
    while true {
      let event = try #require(try tracer.next(timeoutMilliseconds: 20_000), "nothing happens any more")
      try seen(event)
      if case .exited(let status) = event.kind {
        if event.thread == process || tracer.processes.isEmpty { return status }
      } else if tracer.isStopped(event.thread) {
        try tracer.resume(event.thread)
      }
    }
  }

  /// What the program wrote. gdbserver ends when the connection does.
  func output() throws -> String {
    hasEnded = true
    tracer.disconnect()
    _ = Child.wait(server)
    return try TestProgram.take(outputPath)
  }

  deinit {
    unsafe unlink(socket)
    if hasEnded { return }
    kill(server, SIGKILL)
    _ = Child.wait(server)
    unsafe unlink(outputPath)
  }
}
