import ApusCore
import ApusELF
import ApusLiveText
import ApusProbe
import ApusProcess
import ApusSystem
import Glibc
import TestSupport
import Testing

/// A command that failed where it must not.
struct ShellError: Error, CustomStringConvertible {
  var description: String
}

/// Runs `command` in a shell, which must succeed, and returns what it printed.
@discardableResult
func shell(_ command: String) throws -> String {
  guard let stream = unsafe popen("LC_ALL=C; export LC_ALL; { \(command) ; } 2>&1", "r") else {
    throw ShellError(description: "popen: errno \(errno)")
  }
  var output: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = unsafe fread(&buffer, 1, buffer.count, stream)
    if count == 0 { break }
    output += buffer[..<count]
  }
  let text = String(decoding: output, as: UTF8.self)
  guard unsafe pclose(stream) == 0 else { throw ShellError(description: "\(command)\n\(text)") }
  return text
}

/// A directory of its own that goes away with the last reference.
final class Scratch: Sendable {
  let path: String

  init() throws { path = try shell("mktemp -d").split(separator: "\n").joined() }
  deinit { _ = try? shell("rm -r '\(path)'") }

  /// Builds `source` and returns the result's path.
  func build(_ source: String, _ flags: String = "-O1", compiler: String = "cc -x c") throws -> String {
    let output = "\(path)/program"
    try shell(
      "cat > '\(output).in' <<'END'\n\(source)\nEND\n\(compiler) '\(output).in' \(flags) -o '\(output)'")
    return output
  }
}

/// The file at `path`.
func image(_ path: String) throws -> ELFImage {
  let memory = try MappedMemory.file(path)
  let source = unsafe BorrowedBytes(UnsafeRawBufferPointer(memory.buffer)) { _ in _ = memory }
  return try ELFImage(source: source)
}

/// A program that has been started and stands before its first constructor, with a session's memory in it.
struct Laboratory {
  let tracer: PtraceTracer
  let process: ProcessID
  let caller: RemoteCaller
  let memory: SessionMemory
  let program: ModuleImage

  /// Runs `body` on a tracer's thread; the program is killed afterwards.
  static func run<Value: Sendable>(
    _ path: String,
    layout: SharedLayout = SharedLayout(functionCapacity: 64, counterArrays: 0, bufferSize: 4096),
    _ body: @escaping @Sendable (Laboratory) throws -> Value
  ) throws -> Value {
    let result = try SystemThread.running { () -> Result<Value, any Error> in
      Result {
        let tracer = try PtraceTracer()
        let process = try tracer.launch(LaunchRequest([path]))
        defer { end(process, tracer) }
        try #require(try tracer.runUntilThreadPointerSet(process) == .set)
        let bootstrap = try tracer.installBootstrapGate(process)
        let caller = RemoteCaller(tracer, thread: process, gate: bootstrap.gate)
        let maps = try ProcessMaps.read(process: process)
        let memory = try SessionMemory(
          layout: layout, in: caller, sharing: LocalSharing(process),
          gap: AddressSpaceGap(maps))
        let mapped = try #require(ModuleImage.mapped(maps).first { $0.path == path })
        let instances = try ModuleImage.instances(of: mapped, process: process)
        try #require(instances.count == 1)
        return try body(
          Laboratory(
            tracer: tracer, process: process, caller: caller, memory: memory, program: instances[0]))
      }
    }
    return try #require(result).get()
  }

  private static func end(_ process: ProcessID, _ tracer: PtraceTracer) {
    kill(process, SIGKILL)
    while let event = try? tracer.next(timeoutMilliseconds: 5000) {
      if case .exited = event.kind {
        if event.thread == process { return }
      } else {
        try? tracer.resume(event.thread, signal: nil)
      }
    }
  }

  func environment(_ slowReturn: Address, _ arena: AddressRange) -> ProbeEnvironment {
    memory.environment(
      slowReturn: slowReturn, arena: arena, isTimed: true, waitsForRoom: true, depthLimit: nil,
      minimumTicks: 0)
  }

  func arena(bytes: UInt64 = 1 << 20) throws -> Arena {
    try Arena(
      near: program.range, bytes: bytes, states: SiteStates(tracer.architecture), in: caller,
      sharing: LocalSharing(process),
      gap: AddressSpaceGap(try ProcessMaps.read(process: process)))
  }
}

/// Suites that launch programs run one after the other.
@Suite(.serialized, .holdsProcesses, .timeLimit(.minutes(10))) struct LaunchingTests {}
