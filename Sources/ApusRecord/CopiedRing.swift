internal import ApusCore
internal import ApusLiveText
internal import ApusProbe

/// One thread's ring of events where there is no view of it: read while its thread stands, by the tracer's thread. See
/// ``RingReader`` for the protocol, none of whose orders matter here. With a minimum duration, what has been read is sealed in the
/// thread's place.
final class CopiedRing {
  /// The thread's key in the trace.
  let thread: UInt32
  let buffer: BufferPool.Buffer
  private let memory: SessionMemory
  /// The offsets of the thread's words in the region.
  private let position: Int
  private let sealedWord: Int
  private let consumedWord: Int
  /// The buffer's address in the process.
  private let address: UInt64
  /// In bytes.
  private let size: UInt64
  /// In bytes from the buffer's start, up to its end: where the next word is read.
  private var consumed: UInt64 = 0
  private var filter: ShortCallFilter?

  /// A ring for the thread whose context is at `context`, which has not run yet.
  init(
    thread: UInt32, buffer: BufferPool.Buffer, context: Int, memory: SessionMemory, minimumTicks: UInt64
  ) throws(LiveTextError) {
    self.thread = thread
    self.buffer = buffer
    self.memory = memory
    position = memory.layout.progress + context * ThreadContext.stride
    sealedWord = position + Int(ThreadContext.sealed - ThreadContext.position)
    consumedWord = position + Int(ThreadContext.consumed - ThreadContext.position)
    address = memory.sharedRange.start + UInt64(buffer.offset)
    size = UInt64(buffer.size)
    filter = minimumTicks > 0 ? ShortCallFilter(minimumTicks: minimumTicks) : nil
    try memory.mapping.store(address, position)
    try memory.mapping.store(address, sealedWord)
    try memory.mapping.store(address, consumedWord)
  }

  /// What has been written since the last time; the places are given back to the writer. With a minimum duration, what is decided
  /// of it. `unless`: if less than so many bytes are there, nothing is taken.
  func take(unlessBelow least: UInt64 = 0) throws(LiveTextError) -> [UInt64] {
    let place = try memory.mapping.load(position) &- address
    // One that cannot be (a stray write of the program) must not lead outside of the buffer.
    guard place <= size, place & 7 == 0 else { return [] }
    if place < consumed, consumed == size { consumed = 0 }
    let count = place < consumed ? size - consumed + place : place - consumed
    if count == 0 || count < least { return [] }
    var words: [UInt64] = []
    while consumed != place {
      if place < consumed, consumed == size { consumed = 0 }
      let end = place < consumed ? size : place
      words += try memory.mapping.words(
        at: buffer.offset + Int(consumed), count: Int((end - consumed) / 8))
      consumed = end
    }
    try memory.mapping.store(address + consumed, consumedWord)
    if filter != nil { try memory.mapping.store(address + place, sealedWord) }
    guard filter != nil else { return words }
    unsafe words.withUnsafeBufferPointer { unsafe filter?.add($0) }
    return filter?.take(now: nil) ?? []
  }

  /// What is not decided yet, when no more comes.
  func finish() -> [UInt64] { filter?.finish() ?? [] }
}
