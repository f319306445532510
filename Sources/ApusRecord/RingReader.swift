internal import ApusLiveText
internal import ApusProbe
internal import ApusSystem
internal import ApusTraceFile
internal import CApusLinux

/// Reads one thread's ring of events; see ``ProgramBuilder/append(full:)`` for the writer's half.
///
/// 1. The position is read (acquire): all words below it are written.
/// 2. They are handed on. With a minimum duration they are taken by exchange with zero, since their writer may be taking
///    one back; a zero is passed over, unless nothing stands behind it: then the position goes back, or has.
/// 3. The consumed word is raised (release): only then may the writer use the places again.
@safe
final class RingReader: @unchecked Sendable {
  // Sendable: made by the tracer's thread, and from then on used by the drain thread alone.

  /// The thread's key in the trace.
  let thread: UInt32
  /// The process's key.
  let process: UInt32
  let buffer: BufferPool.Buffer
  /// The context's index.
  let context: Int

  private let memory: MappedMemory
  private let base: UInt
  private let positionWord: UInt
  private let consumedWord: UInt
  private var consumed: UInt64 = 0
  /// Calls handed on.
  private(set) var calls: UInt64 = 0
  /// With a minimum duration: what leaves the short calls out.
  private var filter: ShortCallFilter?

  /// Words that are handed on at once.
  private static let batch: UInt64 = 1 << 15

  /// A reader for the thread whose context is at `context`, which has not run yet.
  init(
    thread: UInt32, process: UInt32, buffer: BufferPool.Buffer, context: Int, memory: SessionMemory,
    minimumTicks: UInt64
  ) {
    self.thread = thread
    self.process = process
    self.buffer = buffer
    self.context = context
    self.memory = memory.shared
    let start = unsafe UInt(bitPattern: memory.shared.pointer)
    base = start + UInt(buffer.offset)
    positionWord = start + UInt(memory.layout.progress + context * ThreadContext.stride)
    consumedWord = positionWord + UInt(ThreadContext.consumed - ThreadContext.position)
    filter = minimumTicks > 0 ? ShortCallFilter(minimumTicks: minimumTicks) : nil
    apus_store_release_u64(positionWord, 0)
    apus_store_release_u64(consumedWord, 0)
  }

  /// Hands on what is there, not for ever; gives the number of words consumed.
  ///
  /// - Parameter isOver: the thread writes no more.
  func drain(into writer: TraceWriter, isOver: Bool = false) throws(TraceWriteError) -> UInt64 {
    var total: UInt64 = 0
    let places = UInt64(buffer.size / 8)
    while true {
      let position = apus_load_acquire_u64(positionWord)
      // A position that cannot be (a stray write of the program) must not lead outside of the buffer.
      guard position > consumed, position - consumed <= UInt64(buffer.size), position & 7 == 0 else { break }
      let index = consumed / 8 & (places - 1)
      let count = min((position - consumed) / 8, places - index, Self.batch)
      let at = base + UInt(index) * 8
      var taken = count
      if filter != nil {
        taken = try takeSingly(at, count, isOver: isOver, writer)
      } else {
        let now = ProcessorCounter.read()
        calls += apus_count_calls(at, count)
        guard let start = unsafe UnsafePointer<UInt64>(bitPattern: at) else { break }
        unsafe try writer.appendEvents(
          thread: thread, process: process, words: UnsafeBufferPointer(start: start, count: Int(count)),
          drainCounter: now)
      }
      consumed &+= taken * 8
      apus_store_release_u64(consumedWord, consumed)
      total += taken
      if taken < count || (total > 8 * Self.batch && !isOver) { break }
    }
    if isOver, let rest = filter?.finish() { try hand(rest, writer) }
    return total
  }

  /// Takes words one by one, and leaves out pairs that were too short; gives how many places are consumed.
  private func takeSingly(
    _ at: UInt, _ count: UInt64, isOver: Bool, _ writer: TraceWriter
  ) throws(TraceWriteError) -> UInt64 {
    var places: UInt64 = 0
    for index in 0..<count {
      var word = apus_take_word(at + UInt(index) * 8)
      if word == 0, !isOver {
        // Taken back. If nothing stands behind it, the writer goes on in this place, and so do we; the position that
        // we know may be older than that.
        let position = apus_load_acquire_u64(positionWord)
        if position < consumed &+ (index + 2) * 8 { break }
        word = apus_take_word(at + UInt(index) * 8)
      }
      places += 1
      if word != 0 { filter?.add(EventWord(rawValue: word)) }
    }
    if let words = filter?.take() { try hand(words, writer) }
    return places
  }

  private func hand(_ words: [UInt64], _ writer: TraceWriter) throws(TraceWriteError) {
    guard !words.isEmpty else { return }
    let now = ProcessorCounter.read()
    for word in words where word >> 1 & 1 == 0 { calls += 1 }
    var failure: TraceWriteError?
    unsafe words.withUnsafeBufferPointer { words in
      do throws(TraceWriteError) {
        unsafe try writer.appendEvents(thread: thread, process: process, words: words, drainCounter: now)
      } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
