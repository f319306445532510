internal import ApusCore
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
  /// The buffer's address in the process.
  private let address: UInt64
  /// In bytes.
  private let size: UInt64
  /// In bytes from the buffer's start, up to its end: where the next word is read.
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
    address = memory.sharedRange.start + UInt64(buffer.offset)
    size = UInt64(buffer.size)
    apus_store_release_u64(positionWord, address)
    apus_store_release_u64(consumedWord, address)
  }

  /// Hands on what is there, not for ever; gives the number of words consumed.
  ///
  /// - Parameters:
  ///   - isOver: the thread writes no more.
  ///   - keepsDistance: only if a quarter of the ring is full. A reader at the writer's heels takes the cache lines away
  ///     that the writer is about to use.
  func drain(
    into writer: TraceWriter, isOver: Bool = false, keepsDistance: Bool = false
  ) throws(TraceWriteError) -> UInt64 {
    var total: UInt64 = 0
    if keepsDistance, let position = readPosition(), (position &- consumed) & (size - 1) < size / 4 {
      return 0
    }
    while let position = readPosition() {
      // The writer is at the end too until it goes back to the start; then so do we.
      if position < consumed, consumed == size { consumed = 0 }
      let end = position < consumed ? size : position
      let count = min((end - consumed) / 8, Self.batch)
      guard count > 0 else { break }
      let at = base + UInt(consumed)
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
      consumed += taken * 8
      apus_store_release_u64(consumedWord, address + consumed)
      total += taken
      if taken < count || (total > 8 * Self.batch && !isOver) { break }
    }
    if isOver, let rest = filter?.finish() { try hand(rest, writer) }
    return total
  }

  /// The writer's position (acquire), in bytes from the buffer's start. Nil for one that cannot be (a stray write of the
  /// program), which must not lead outside of the buffer.
  private func readPosition() -> UInt64? {
    let position = apus_load_acquire_u64(positionWord) &- address
    return position <= size && position & 7 == 0 ? position : nil
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
        let place = consumed + index * 8
        guard let position = readPosition() else { break }
        if position == place || position == place + 8 || (position == 0 && place + 8 == size) { break }
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
