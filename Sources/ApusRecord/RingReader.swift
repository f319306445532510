internal import ApusCore
internal import ApusLiveText
internal import ApusProbe
internal import ApusSystem
internal import ApusTraceFile
internal import CApusLinux

/// Reads one thread's ring of events; see ``ProgramBuilder/append(full:)`` for the writer's half.
///
/// 1. The position is read (acquire): all words below it are written.
/// 2. They are handed on.
/// 3. The consumed word is raised (release): only then may the writer use the places again.
///
/// With a minimum duration the writer may take entries back that it has not sealed. Then what it has sealed takes the place
/// of its position, until it is over, and short calls are left out that it could not take back.
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
  /// What events are stamped with; nil: this machine's counter.
  private let clock: TargetClock?
  private let base: UInt
  private let positionWord: UInt
  private let sealedWord: UInt
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
  /// With a minimum duration: entries that are not sealed and have been open for long.
  private var aged = AgedEntries()

  /// From the position to the aged word.
  private static let agedDistance = UInt(ThreadContext.aged - ThreadContext.position)
  /// Words that are handed on at once.
  private static let batch: UInt64 = 1 << 15

  /// A reader for the thread whose context is at `context`, which has not run yet.
  init(
    thread: UInt32, process: UInt32, buffer: BufferPool.Buffer, context: Int, memory: SessionMemory,
    minimumTicks: UInt64, clock: TargetClock? = nil
  ) {
    self.clock = clock
    self.thread = thread
    self.process = process
    self.buffer = buffer
    self.context = context
    self.memory = memory.shared
    let start = unsafe UInt(bitPattern: memory.shared.pointer)
    base = start + UInt(buffer.offset)
    positionWord = start + UInt(memory.layout.progress + context * ThreadContext.stride)
    sealedWord = positionWord + UInt(ThreadContext.sealed - ThreadContext.position)
    consumedWord = positionWord + UInt(ThreadContext.consumed - ThreadContext.position)
    filter = minimumTicks > 0 ? ShortCallFilter(minimumTicks: minimumTicks) : nil
    address = memory.sharedRange.start + UInt64(buffer.offset)
    size = UInt64(buffer.size)
    apus_store_release_u64(positionWord, address)
    apus_store_release_u64(sealedWord, address)
    apus_store_release_u64(positionWord + Self.agedDistance, 0)
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
    if keepsDistance, let position = readPosition(isOver: isOver),
      (position &- consumed) & (size - 1) < size / 4
    {
      return 0
    }
    while true {
      let seen = clock?.floor() ?? ProcessorCounter.read()
      guard let position = readPosition(isOver: isOver) else { break }
      // The writer is at the end too until it goes back to the start; then so do we.
      if position < consumed, consumed == size { consumed = 0 }
      let end = position < consumed ? size : position
      let count = min((end - consumed) / 8, Self.batch)
      guard count > 0 else {
        try handDecided(writer, now: seen)
        if filter != nil { lookAtUnsealed(seen) }
        break
      }
      let at = base + UInt(consumed)
      let now = clock?.bound() ?? ProcessorCounter.read()
      guard let start = unsafe UnsafePointer<UInt64>(bitPattern: at) else { break }
      let words = unsafe UnsafeBufferPointer(start: start, count: Int(count))
      if filter == nil {
        unsafe try hand(words, writer, now)
      } else {
        unsafe try filter(words, writer, now)
      }
      consumed += count * 8
      apus_store_release_u64(consumedWord, address + consumed)
      total += count
      if total > 8 * Self.batch && !isOver { break }
    }
    if isOver, let rest = filter?.finish() {
      try hand(rest, writer, clock?.bound() ?? ProcessorCounter.read())
    }
    return total
  }

  /// Hands on what is no short call.
  private func filter(
    _ words: UnsafeBufferPointer<UInt64>, _ writer: TraceWriter, _ now: UInt64
  ) throws(TraceWriteError) {
    let wrapped = unsafe aged.wrapped(words, now: now)
    for note in aged.notes[..<wrapped] {
      try hand((filter?.release() ?? []) + [note.word], writer, note.counter)
    }
    unsafe filter?.add(UnsafeBufferPointer(rebasing: words[wrapped...]))
    aged.consume(words.count)
    try handDecided(writer, now: nil)
  }

  /// Looks at what is not sealed, and declares what is old.
  private func lookAtUnsealed(_ now: UInt64) {
    guard aged.isDue(now), let position = readPosition(isOver: true) else { return }
    // At the buffer's end the writer has sealed what stands before it.
    let first = consumed == size ? 0 : consumed
    let end = position < first ? first : position
    let words = stride(from: first, to: min(end, first + 8 * Self.batch), by: 8).map {
      apus_load_acquire_u64(base + UInt($0))
    }
    let old = aged.look(at: words, now: clock?.bound() ?? ProcessorCounter.read())
    apus_store_release_u64(positionWord + Self.agedDistance, old == 0 ? 0 : address + first + UInt64(old) * 8)
  }

  /// Hands on what the filter has decided; see ``ShortCallFilter/take(now:)``.
  private func handDecided(_ writer: TraceWriter, now: UInt64?) throws(TraceWriteError) {
    if let words = filter?.take(now: now), !words.isEmpty {
      try hand(words, writer, clock?.bound() ?? ProcessorCounter.read())
    }
  }

  /// The writer's position (acquire), in bytes from the buffer's start. Nil for one that cannot be (a stray write of the
  /// program), which must not lead outside of the buffer.
  private func readPosition(isOver: Bool) -> UInt64? {
    let word = filter == nil || isOver ? positionWord : sealedWord
    let position = apus_load_acquire_u64(word) &- address
    return position <= size && position & 7 == 0 ? position : nil
  }

  private func hand(_ words: [UInt64], _ writer: TraceWriter, _ now: UInt64) throws(TraceWriteError) {
    var failure: TraceWriteError?
    unsafe words.withUnsafeBufferPointer { words in
      do throws(TraceWriteError) { unsafe try hand(words, writer, now) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private func hand(
    _ words: UnsafeBufferPointer<UInt64>, _ writer: TraceWriter, _ now: UInt64
  ) throws(TraceWriteError) {
    guard !words.isEmpty else { return }
    unsafe calls += apus_count_calls(UInt(bitPattern: words.baseAddress), UInt64(words.count))
    unsafe try writer.appendEvents(thread: thread, process: process, words: words, drainCounter: now)
  }
}
