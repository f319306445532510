import ApusSystem

/// Writes a trace file, for one thread that drains buffers; see ``TraceFormat``.
///
/// Every call may write, and throws ``TraceWriteError`` if that fails; from then on every call throws the
/// same error, and the file holds whole chunks only. A file without ``finish(anchor:)`` is valid, and says
/// that it was cut.
package final class TraceWriter {
  /// A chunk is written when a thread has as many words waiting.
  static let chunkWords = 1 << 16

  private let path: String
  private let file: OutputFile
  private let budget: Int
  private let encoder: EventEncoder
  private let packer = Compressor(.matches)
  private var output = Block(size: 1 << 20)
  private var pending: [UInt32: PendingWords] = [:]
  private var latest: PendingWords?
  private var pendingBytes = 0
  private var sequence: UInt64 = 0
  private var flags: ChunkFlags = [.timed, .returns]
  private var failure: TraceWriteError?

  /// Events written or waiting.
  package private(set) var words: UInt64 = 0
  /// Tail calls among the events that wait no more.
  package var tailCalls: UInt64 { encoder.tailCalls }
  /// Bytes in the file.
  package var bytesWritten: UInt64 { file.size }

  /// Opens the file, or creates it, and writes its header. `budget` bounds the bytes of words that wait to be written,
  /// over all threads together.
  ///
  /// - Parameter registers: what the words of register files are, if there may be some.
  /// - Parameter replacing: false: what stands in the file stays until ``replace()``; what is written is held until then.
  package init(
    path: String, clock: ClockDescription, budget: Int = 64 << 20, registers: RegisterNames? = nil,
    replacing: Bool = true
  ) throws(TraceWriteError) {
    self.path = path
    self.budget = budget
    encoder = EventEncoder(registers ?? RegisterNames(names: [], arguments: []))
    file = try OutputFile(opening: path)
    let header = Block(size: TraceFormat.headerSize)
    unsafe header.bytes.initializeMemory(as: UInt8.self, repeating: 0)
    unsafe header.bytes.copyBytes(from: TraceFormat.magic)
    unsafe store(TraceFormat.byteOrder, header.base, 8)
    unsafe store(TraceFormat.version, header.base, 12)
    unsafe store(registers == nil ? 0 : TraceFormat.registersFeature, header.base, 24)
    unsafe store(UInt32(TraceFormat.headerSize), header.base, 32)
    unsafe store(clock.kind.rawValue, header.base, 36)
    unsafe store(clock.frequency, header.base, 40)
    unsafe store(clock.first.counter, header.base, 48)
    unsafe store(clock.first.monotonic, header.base, 56)
    unsafe store(clock.first.realtime, header.base, 64)
    unsafe store(
      Checksum.xxh64(UnsafeRawBufferPointer(start: header.base, count: 88)), header.base, 88)
    unsafe try append(UnsafeRawBufferPointer(header.bytes))
    if replacing { try replace() }
  }

  /// The trace takes the place of what was in the file. Again changes nothing.
  package func replace() throws(TraceWriteError) {
    try orFail { () throws(SystemError) in try file.replace() }
  }

  /// After the last call of another function: without ``replace()``, a file that was made for the trace is removed.
  package func discard() throws(TraceWriteError) {
    do { try file.discard() } catch {
      throw TraceWriteError(path: path, cause: .system(error), validBytes: 0)
    }
  }

  private func append(_ bytes: UnsafeRawBufferPointer) throws(TraceWriteError) {
    try orFail { () throws(SystemError) in unsafe try file.append(bytes) }
  }

  /// The first failure is every later call's.
  private func orFail(_ body: () throws(SystemError) -> Void) throws(TraceWriteError) {
    if let failure { throw failure }
    do throws(SystemError) { try body() } catch {
      let failure = TraceWriteError(path: path, cause: .system(error), validBytes: file.size)
      self.failure = failure
      throw failure
    }
  }

  /// Seals the header over the payload that stands in `output` behind it, and writes both.
  private func emit(_ header: inout ChunkHeader) throws(TraceWriteError) {
    let start = TraceFormat.chunkHeaderSize
    let size = Int(header.storedSize)
    header.sequence = sequence
    header.checksum = unsafe Checksum.short(
      UnsafeRawBufferPointer(start: output.base + start, count: size))
    unsafe header.store(at: output.base)
    unsafe try append(UnsafeRawBufferPointer(start: output.base, count: start + size))
    sequence += 1
  }

  /// Writes a metadata chunk.
  func emit(_ kind: ChunkKind, process: UInt32 = 0, thread: UInt32 = 0, payload: [UInt8])
    throws(TraceWriteError)
  {
    var header = ChunkHeader(kind, process: process, thread: thread)
    let start = TraceFormat.chunkHeaderSize
    let room = start + max(payload.count, Compressor.bound(payload.count))
    if output.size < room { output = Block(size: room) }
    let target = unsafe UnsafeMutableRawBufferPointer(rebasing: output.bytes[start...])
    let packed = unsafe payload.withUnsafeBytes { bytes in
      if let packed = unsafe packer.pack(bytes, to: target) { return packed }
      unsafe target.copyMemory(from: bytes)
      return bytes.count
    }
    header.rawSize = UInt32(payload.count)
    header.storedSize = UInt32(packed)
    try emit(&header)
  }

  // MARK: Events

  /// The level and timing of the events appended from here on; graph and timed until it is called. What waits
  /// is written first.
  package func setMode(returns: Bool, timed: Bool) throws(TraceWriteError) {
    try flush()
    flags = []
    if returns { flags.insert(.returns) }
    if timed { flags.insert(.timed) }
  }

  /// Appends words of one thread's buffer, in order, read when the counter stood at `drainCounter` or before:
  /// each word's time is the largest counter value up to there with its low bits. Keys are those of
  /// ``ThreadRecord`` and ``ProcessRecord``. The words are copied or encoded before the call returns.
  package func appendEvents(
    thread: UInt32, process: UInt32, words batch: UnsafeBufferPointer<UInt64>, drainCounter: UInt64
  ) throws(TraceWriteError) {
    if let failure { throw failure }
    guard batch.count > 0 else { return }
    let state: PendingWords
    if let latest, latest.thread == thread {
      state = latest
    } else if let known = pending[thread] {
      state = known
    } else {
      state = PendingWords(thread: thread, process: process)
      pending[thread] = state
    }
    latest = state
    words += UInt64(batch.count)
    var rest = unsafe batch[...]
    // Large batches are encoded where they stand.
    while unsafe state.count + rest.count >= Self.chunkWords {
      let room = TraceFormat.maximumEvents - 1 - state.count
      let part = unsafe UnsafeBufferPointer(rebasing: rest.prefix(max(0, room)))
      unsafe rest = rest.dropFirst(part.count)
      unsafe try encode(state, then: part, drainCounter: drainCounter)
    }
    guard unsafe !rest.isEmpty else { return }
    let before = state.capacity
    unsafe state.append(UnsafeBufferPointer(rebasing: rest), drainCounter: drainCounter)
    pendingBytes += state.capacity - before
    if pendingBytes > budget { try shed() }
  }

  /// Writes one chunk: what waits for the thread, then `more`.
  private func encode(
    _ state: PendingWords, then more: UnsafeBufferPointer<UInt64>, drainCounter: UInt64
  ) throws(TraceWriteError) {
    encoder.begin(clock: state.clock, timed: flags.contains(.timed))
    let before = state.capacity
    unsafe state.drain { words, counter in unsafe encoder.add(words, drainCounter: counter) }
    unsafe encoder.add(more, drainCounter: drainCounter)
    pendingBytes += state.capacity - before
    var header = ChunkHeader(.events, flags: flags, process: state.process, thread: state.thread)
    let registers = encoder.registers
    if registers.count > 0 {
      try write([registers], process: state.process, thread: state.thread)
      header.flags.insert(.registers)
    }
    state.clock = encoder.finish(&header, into: &output, at: TraceFormat.chunkHeaderSize)
    if header.events > 0 { try emit(&header) }
  }

  private func encodeWaiting(_ state: PendingWords) throws(TraceWriteError) {
    if state.count > 0 {
      unsafe try encode(state, then: UnsafeBufferPointer(start: nil, count: 0), drainCounter: 0)
    }
  }

  /// The budget is used up: the threads with most to write are written, until half of it is free.
  private func shed() throws(TraceWriteError) {
    for state in pending.values.sorted(by: { $0.capacity > $1.capacity }) {
      if pendingBytes <= budget / 2 { return }
      try encodeWaiting(state)
      pendingBytes -= state.capacity
      state.release()
    }
  }

  /// Writes everything that waits. Call it now and then, so that readers, and a crash, find recent events in
  /// the file.
  package func flush() throws(TraceWriteError) {
    for key in pending.keys.sorted() {
      if let state = pending[key] { try encodeWaiting(state) }
    }
    if let failure { throw failure }
  }

  /// Writes what waits for a thread that has ended, and forgets the thread.
  package func endEvents(thread: UInt32) throws(TraceWriteError) {
    guard let state = pending.removeValue(forKey: thread) else { return }
    if latest === state { latest = nil }
    try encodeWaiting(state)
    pendingBytes -= state.capacity
  }

  /// Writes everything that waits, the last anchor and the end mark.
  package func finish(anchor: ClockAnchor?) throws(TraceWriteError) {
    try flush()
    if let anchor { try write([anchor]) }
    try emit(.end, payload: [])
  }
}
