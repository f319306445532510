import ApusCore
import ApusLiveText
import ApusProbe
import ApusProcess
import ApusSystem
import ApusTraceFile
import Glibc
import TestSupport
import Testing

@testable import ApusRecord

/// A command that failed where it must not.
struct ShellError: Error, CustomStringConvertible {
  var description: String
}

/// A directory of its own that goes away with the last reference.
final class Scratch: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/apus-record-tests-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw ShellError(description: "mkdtemp: errno \(errno)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
  deinit { unsafe system("rm -r '\(path)'") }

  /// Builds a C program and returns its path.
  func build(_ source: String, _ flags: String = "-O1 -pthread") throws -> String {
    let command = "cat > '\(path)/p.c' <<'END'\n\(source)\nEND\ncc \(flags) -o '\(path)/p' '\(path)/p.c'"
    guard unsafe system(command) == 0 else { throw ShellError(description: command) }
    return path + "/p"
  }
}

/// A session's memory in a program that has been started and stands before its first constructor.
struct Laboratory {
  let tracer: PtraceTracer
  let process: ProcessID
  let memory: SessionMemory
  let target: ProcessMemory

  static let idle = "int main(void) { return 0; }"

  /// Runs `body` on a tracer's thread; the program is killed afterwards.
  static func run<Value: Sendable>(
    _ source: String = idle, bufferSize: Int = 4096,
    _ body: @escaping @Sendable (Laboratory) throws -> Value
  ) throws -> Value {
    let scratch = try Scratch()
    let path = try scratch.build(source)
    let result = try SystemThread.running { () -> Result<Value, any Error> in
      Result {
        let tracer = try PtraceTracer()
        let process = try tracer.launch(LaunchRequest([path]))
        defer { end(process, tracer) }
        try #require(try tracer.runUntilThreadPointerSet(process) == .set)
        let bootstrap = try tracer.installBootstrapGate(process)
        let memory = try SessionMemory(
          layout: SharedLayout(functionCapacity: 64, counterArrays: 0, bufferSize: bufferSize),
          in: RemoteCaller(tracer, thread: process, gate: bootstrap.gate),
          sharing: LocalSharing(process),
          gap: AddressSpaceGap(try ProcessMaps.read(process: process)))
        try tracer.removeBootstrapGate(bootstrap)
        let target = try tracer.memory(of: process)
        return try body(Laboratory(tracer: tracer, process: process, memory: memory, target: target))
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
}

/// The writer's half of a ring, as trampolines do it.
struct RingWriter: Sendable {
  let memory: MappedMemory
  let buffer: Int
  let size: Int
  let progress: Int
  /// The buffer's address in the process.
  let address: UInt64

  init(_ memory: SessionMemory, _ buffer: BufferPool.Buffer, context: Int) {
    self.memory = memory.shared
    self.buffer = buffer.offset
    size = buffer.size
    progress = memory.layout.progress + context * ThreadContext.stride
    address = memory.sharedRange.start + UInt64(self.buffer)
  }

  /// In bytes from the buffer's start.
  var position: UInt64 { ((try? memory.load(at: progress)) ?? 0) &- address }
  var consumed: UInt64 { progress(ThreadContext.consumed) }

  /// Makes the position what it says, in bytes from the buffer's start.
  func set(position: UInt64) throws { try memory.store(address &+ position, at: progress) }

  /// Appends a word when there is room; one place stays free.
  func append(_ word: UInt64) throws {
    let size = UInt64(size)
    while true {
      let (at, done) = (position, consumed)
      if at == size, done != 0 {
        try set(position: 0)
      } else if at != size, (done % size + size - at - 8) % size != 0 {
        try memory.store(word, at: buffer + Int(at))
        return try set(position: at + 8)
      } else {
        sched_yield()
      }
    }
  }

  private func progress(_ word: Int32) -> UInt64 {
    ((try? memory.load(at: progress + Int(word - ThreadContext.position))) ?? 0) &- address
  }

  var sealed: UInt64 { progress(ThreadContext.sealed) }
  var aged: UInt64 { progress(ThreadContext.aged) }

  /// Gives the reader all that stands there.
  func seal() throws {
    try memory.store(
      address &+ position, at: progress + Int(ThreadContext.sealed - ThreadContext.position))
  }

  /// Takes the last word back; gives whether it could.
  func takeBack() throws -> Bool {
    guard position != sealed, position != aged else { return false }
    try set(position: position - 8)
    return true
  }
}

/// An event of a trace, without its time.
struct Logged {
  var kind: ApusTraceFile.TraceEvent.Kind
  var function: UInt32
}

/// A trace that is written, read, and removed.
final class TemporaryTrace: Sendable {
  let path: String

  init() { path = "/tmp/apus-record-test-\(UInt64.random(in: 0...UInt64.max)).trace" }
  deinit { _ = unsafe unlink(path) }

  func writer() throws -> TraceWriter {
    try TraceWriter(
      path: path,
      clock: ClockDescription(
        kind: .timeStampCounter, frequency: 1_000_000_000,
        first: ClockAnchor(counter: ProcessorCounter.read(), monotonic: 1, realtime: 1)))
  }

  /// Each thread's events.
  func events() throws -> [UInt32: [Logged]] {
    let reader = try TraceReader(path: path)
    try #require(reader.isComplete && reader.damage.isEmpty)
    var result: [UInt32: [Logged]] = [:]
    let damage = reader.forEachRun(order: .file, inTicks: true) { (run: EventRun) in
      unsafe result[run.thread, default: []] += run.events.map { Logged(kind: $0.kind, function: $0.value) }
    }
    try #require(damage == nil)
    return result
  }
}

/// Suites that launch programs run one after the other.
@Suite(.serialized, .holdsProcesses, .timeLimit(.minutes(10))) struct LaunchingTests {}
