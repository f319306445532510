internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess
internal import ApusSystem
internal import ApusTraceFile
internal import Glibc
internal import Synchronization

/// The thread that empties the rings and writes the trace file; nobody else touches the writer while it runs.
final class DrainWorker: @unchecked Sendable {
  // Sendable: `control` does not change after its making, `writer` is the drain thread's, the rest is in the lock.

  /// What the tracer's thread asks for.
  enum Request: Sendable {
    /// A thread was born.
    case open(RingReader)
    /// It is over: empty its ring for good.
    case close(RingReader)
    /// Words of a thread, read when the counter stood at this.
    case words([UInt64], thread: UInt32, counter: UInt64)
    /// No more words of a thread come.
    case over(UInt32)
    case threads([ThreadRecord])
    case modules([ModuleRecord])
    case functions([FunctionRecord])
    /// There is something to record: an older trace may go.
    case replace
    /// Everything is over.
    case stop
  }

  private struct State {
    var requests: [Request] = []
    var closed: [RingReader] = []
    var failure: TraceWriteError?
    var hasBegun = false
    var hasStopped = false
    var calls: UInt64 = 0
  }

  private let state = Mutex(State())
  /// nil where there is no view of it; then nobody waits who is not stopped.
  private let control: ControlView?
  private let waker: Waker
  private let writer: TraceWriter

  init(writer: TraceWriter, control: ControlView?, waker: Waker) {
    self.writer = writer
    self.control = control
    self.waker = waker
  }

  /// Asks for something; done in order.
  func send(_ request: Request) { state.withLock { $0.requests.append(request) } }

  /// The rings that were closed and emptied since the last time.
  func takeClosed() -> [RingReader] {
    state.withLock { state in
      defer { state.closed = [] }
      return state.closed
    }
  }

  /// How often rings are emptied that are nearly empty, in ns.
  private static let sweepInterval: UInt64 = 10_000_000
  /// How long events may wait for their way into the file, in ns.
  private static let flushInterval: UInt64 = 200_000_000

  /// Calls in the rings that were closed.
  var calls: UInt64 { state.withLock { $0.calls } }

  /// Why nothing can be written any more.
  var failure: TraceWriteError? { state.withLock { $0.failure } }

  /// Waits for the thread to end, which it does after `stop` or a failure.
  func waitUntilStopped() {
    while !state.withLock({ $0.hasStopped }) { usleep(200) }
  }

  /// The writer is the thread's from here on.
  func begin() { state.withLock { $0.hasBegun = true } }

  /// The thread's body; waits for `begin`, and returns after `stop`.
  func run() {
    while !state.withLock({ $0.hasBegun }) { usleep(100) }
    drainUntilStopped()
    state.withLock { $0.hasStopped = true }
  }

  private func drainUntilStopped() {
    var rings: [RingReader] = []
    var stopping = false
    var idle = 0
    var flushed = Clock.monotonic.now()
    var swept = flushed
    while true {
      let requests = state.withLock { state in
        defer { state.requests = [] }
        return state.requests
      }
      do throws(TraceWriteError) {
        for request in requests {
          switch request {
          case .open(let ring): rings.append(ring)
          case .close(let ring):
            _ = try ring.drain(into: writer, isOver: true)
            try writer.endEvents(thread: ring.thread)
            finish(ring, &rings)
          case .words(let words, let thread, let counter): try take(words, thread, counter)
          case .over(let thread): try writer.endEvents(thread: thread)
          case .threads(let records): try writer.add(threads: records)
          case .modules(let records): try writer.add(modules: records)
          case .functions(let records): try writer.add(functions: records)
          case .replace: try writer.replace()
          case .stop: stopping = true
          }
        }
        var drained: UInt64 = 0
        let now = Clock.monotonic.now()
        let keepsDistance = now - swept < Self.sweepInterval
        if !keepsDistance { swept = now }
        for ring in rings {
          drained += try ring.drain(into: writer, keepsDistance: keepsDistance && !stopping)
        }
        if stopping { return }
        idle = drained == 0 ? idle + 1 : 0
        if now - flushed > Self.flushInterval {
          try writer.flush()
          flushed = now
        }
        // We are back: whoever gave up waiting may wait again.
        control?.allowWaiting()
      } catch {
        fail(error, rings)
        return
      }
      if loaderIsWaiting { waker.wake() }
      if idle > 0 { usleep(idle < 64 ? 100 : idle < 1024 ? 500 : 2000) }
    }
  }

  private func take(_ words: [UInt64], _ thread: UInt32, _ counter: UInt64) throws(TraceWriteError) {
    let calls = words.reduce(into: UInt64(0)) { if $1 >> 1 & 1 == 0 { $0 += 1 } }
    var failure: TraceWriteError?
    unsafe words.withUnsafeBufferPointer { words in
      do throws(TraceWriteError) {
        unsafe try writer.appendEvents(
          thread: thread, process: RecordSession.processKey, words: words, drainCounter: counter)
      } catch { failure = error }
    }
    if let failure { throw failure }
    state.withLock { $0.calls += calls }
  }

  private func finish(_ ring: RingReader, _ rings: inout [RingReader]) {
    rings.removeAll { $0 === ring }
    state.withLock {
      $0.closed.append(ring)
      $0.calls += ring.calls
    }
  }

  /// Nothing can be written: the program must not wait for us.
  private func fail(_ error: TraceWriteError, _ rings: [RingReader]) {
    state.withLock {
      $0.failure = error
      for ring in rings { $0.calls += ring.calls }
    }
    control?.giveUp()
    waker.wake()
  }

  private var loaderIsWaiting: Bool {
    guard let control else { return false }
    return control.loaderRequests > control.loaderAnswers
  }
}
