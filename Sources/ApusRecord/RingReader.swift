internal import ApusLiveText
internal import ApusProbe
internal import ApusSystem
internal import ApusTraceFile
internal import CApusLinux

/// Reads one thread's ring of events; see ``ProgramBuilder/append(full:retry:)`` for the writer's half.
///
/// 1. Words are read from the first that is not consumed, up to the first zero.
/// 2. They are handed on, then zeros are written over them.
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
  private let consumedWord: UInt
  private var consumed: UInt64 = 0
  /// Calls handed on.
  private(set) var calls: UInt64 = 0
  /// With a minimum duration: ticks, and the entry that was read last and may yet be taken back.
  private let minimumTicks: UInt64
  private var held: UInt64?

  /// Words that are handed on at once.
  private static let batch: UInt64 = 1 << 15

  init(
    thread: UInt32, process: UInt32, buffer: BufferPool.Buffer, context: Int, memory: SessionMemory,
    minimumTicks: UInt64
  ) {
    self.thread = thread
    self.process = process
    self.buffer = buffer
    self.context = context
    self.memory = memory.shared
    base = unsafe UInt(bitPattern: memory.shared.pointer) + UInt(buffer.offset)
    consumedWord =
      unsafe UInt(bitPattern: memory.shared.pointer)
      + UInt(memory.layout.consumed + context * SharedLayout.consumedStride)
    self.minimumTicks = minimumTicks
    apus_store_release_u64(consumedWord, 0)
  }

  /// Hands on what is there; gives the number of words consumed.
  ///
  /// - Parameter isOver: the thread writes no more: places that were reserved and never written are passed over.
  func drain(into writer: TraceWriter, isOver: Bool = false) throws(TraceWriteError) -> UInt64 {
    var total: UInt64 = 0
    let words = UInt64(buffer.size / 8)
    var passed: UInt64 = 0
    while true {
      let index = (consumed / 8 &+ 1) & (words - 1)
      let run = min(words - index, Self.batch)
      let at = base + UInt(index) * 8
      var count = apus_written_words(at, run)
      if count > 0 {
        if minimumTicks > 0 {
          count = try takeSingly(at, count, writer)
        } else {
          let now = ProcessorCounter.read()
          calls += apus_count_calls(at, count)
          guard let start = unsafe UnsafePointer<UInt64>(bitPattern: at) else { return total }
          unsafe try writer.appendEvents(
            thread: thread, process: process, words: UnsafeBufferPointer(start: start, count: Int(count)),
            drainCounter: now)
          apus_clear_words(at, count)
        }
        consumed &+= count * 8
        apus_store_release_u64(consumedWord, consumed)
        total += count
        passed += count
        if count == run && total < 4 * Self.batch { continue }
      }
      if isOver {
        if passed >= words { break }
        if count < run {
          consumed &+= 8
          passed += 1
        }
        continue
      }
      break
    }
    if isOver, let last = held {
      held = nil
      try hand([last], writer)
    }
    return total
  }

  /// Takes words that their writer may be taking back, and leaves out pairs that were too short after all.
  /// Gives how many places are consumed.
  private func takeSingly(
    _ at: UInt, _ count: UInt64, _ writer: TraceWriter
  ) throws(TraceWriteError) -> UInt64 {
    var taken: [UInt64] = []
    var places: UInt64 = 0
    if let held { taken.append(held) }
    held = nil
    for index in 0..<count {
      let word = apus_take_word(at + UInt(index) * 8)
      // Zero: taken back just now. The writer goes on in this place, and so do we.
      if word == 0 { break }
      places += 1
      let event = EventWord(rawValue: word)
      if event.kind == .return, let last = taken.last.map(EventWord.init(rawValue:)), last.kind == .entry,
        last.function == event.function,
        (event.time &- last.time) & ((1 << EventWord.timeBits) - 1) < minimumTicks
      {
        taken.removeLast()
        continue
      }
      taken.append(word)
    }
    if let last = taken.last, EventWord(rawValue: last).kind == .entry { held = taken.popLast() }
    try hand(taken, writer)
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

  /// Leaves the buffer as it was found: all zeros.
  func clear() { apus_clear_words(base, UInt64(buffer.size / 8)) }
}
