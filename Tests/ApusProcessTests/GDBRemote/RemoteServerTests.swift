import ApusCore
import ApusProcess
import ApusSystem
import Glibc
import TestSupport
import Testing

/// What servers do that have no target yet, and what is made of servers that talk nonsense.
@Suite(.serialized, .holdsProcesses, .timeLimit(.minutes(10))) struct RemoteServerTests {
  @Test func aProgramIsLaunchedAndAProcessAttachedTo() throws {
    let program = try TestProgram(
      "waits", "#include <unistd.h>\nint main(int c, char **v) { if (c < 3) pause(); return c; }")
    let server = try MultiServer()
    let tracer = try RemoteTracer(to: server.address)
    #expect(tracer.isEmpty && tracer.processes.isEmpty)
    let launched = try tracer.launch(LaunchRequest([program.path, "a", "b c"]))
    #expect(tracer.threads(of: launched) == [launched] && tracer.isStopped(launched))
    try tracer.resume(launched)
    let end = try #require(try tracer.next(timeoutMilliseconds: 20_000))
    #expect(end.thread == launched && end.kind == .exited(.exited(3)))

    let waiting = try Child.spawn([program.path])
    defer { _ = Child.wait(waiting) }
    defer { kill(waiting, SIGKILL) }
    #expect(try tracer.attach(waiting) == waiting)
    let gate = try tracer.installGate(on: waiting)
    // A payload on the thread's own stack, which is as before afterwards.
    let stack = try tracer.registers(of: waiting).stackPointer - 1024
    let memory = try tracer.memory(of: waiting)
    let before = try memory.read(stack, count: 1024)
    let own = RemoteCaller(tracer, thread: waiting, gate: RemoteCallGate(address: gate.address))
    let file = try own.memfdCreate(named: "through the stack", flags: 0)
    #expect(try WholeFileLink.target("/proc/\(waiting)/fd/\(file)").contains("through the stack"))
    #expect(try memory.read(stack, count: 1024) == before)
    // A gate that is none is not run.
    #expect(throws: TraceError.brokenGate(process: waiting, address: gate.address + 1)) {
      try RemoteCaller(tracer, thread: waiting, gate: RemoteCallGate(address: gate.address + 1)).close(file)
    }
    try tracer.detach(waiting)
    #expect(tracer.isEmpty)
    #expect(kill(waiting, 0) == 0)
    #expect(throws: TraceError.self) { try tracer.attach(waiting + 1_000_000) }
    tracer.disconnect()
  }

  /// Each answers everything with the same bytes, or says nothing, and goes away.
  @Test(arguments: [
    "", "HTTP/1.1 400 Bad Request\r\n\r\n", "+$#00", "+$OK#9a", "+$OK#00", "+$E01#a6", "+$*#2a", "+$T05#b9",
    "+$vCont;c;s#54", "$PacketSize=10#00", "%Stop:T05#00", "+$PacketSize=0;QNonStop+#99",
  ])
  func serversThatTalkNonsenseAreTypedErrors(answer: String) throws {
    let path = TestProgram.outputPath() + ".socket"
    defer { unsafe unlink(path) }
    let script = """
      import socket, sys
      s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1)
      c, _ = s.accept()
      for i in range(40):
          if not c.recv(65536): break
          c.sendall(sys.argv[2].encode() * 2)
      """
    let server = try Child.spawn(["/usr/bin/env", "python3", "-c", script, path, answer])
    defer { _ = Child.wait(server) }
    defer { kill(server, SIGKILL) }
    var options = RemoteTracer.Options()
    options.timeoutMilliseconds = 200
    options.patienceMilliseconds = 20_000
    do throws(TraceError) {
      _ = try RemoteTracer(to: .unix(path: path), options: options)
      Issue.record("taken for a server")
    } catch {
      guard case .remote(let reason) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(!reason.description.isEmpty)
    }
  }
}

/// gdbserver without a program.
private final class MultiServer {
  let address: SocketAddress
  private let server: Int32

  init() throws {
    let log = TestProgram.outputPath() + ".log"
    server = try Child.spawn([
      "/bin/sh", "-c", "exec setsid gdbserver --multi 127.0.0.1:0 2> \(log) > /dev/null",
    ])
    defer { unsafe unlink(log) }
    address = try RemoteServerProcess.port(in: log)
  }

  deinit {
    kill(server, SIGKILL)
    _ = Child.wait(server)
  }
}

private enum WholeFileLink {
  /// What a symbolic link says.
  static func target(_ path: String) throws -> String {
    var bytes = [CChar](repeating: 0, count: 256)
    let count = unsafe readlink(path, &bytes, 255)
    try #require(count > 0)
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
