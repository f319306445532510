internal import ApusCore
internal import ApusLiveText
internal import ApusProbe
internal import ApusProcess

/// Gives threads their contexts: the table in the process, of which this is the only writer.
struct ContextTable {
  /// The keys, as they stand in the process.
  private var keys = [UInt64](repeating: 0, count: ThreadContext.count)
  private let memory: SessionMemory
  private static let retired: UInt64 = 1
  /// Here, not in the process: the context is retired, but its ring is not empty yet.
  private static let draining: UInt64 = 2

  init(_ memory: SessionMemory) { self.memory = memory }

  /// What a thread's cursor starts with.
  struct Cursor {
    /// The buffer, in the process; nil for a thread without one.
    var buffer: (address: Address, size: Int)?
    /// An address in the highest chunk of the thread's own stack.
    var stackTop: Address
    /// The thread's counters, or 0.
    var counters: Address
  }

  /// Whether a live thread has this thread pointer.
  func contains(_ threadPointer: UInt64) -> Bool { index(of: threadPointer) != nil }

  /// Where the context of the thread with this thread pointer is.
  func index(of threadPointer: UInt64) -> Int? {
    let home = ThreadContext.home(of: threadPointer)
    for index in home..<(home + ThreadContext.probeLimit) {
      if keys[index] == threadPointer { return index }
      if keys[index] == 0 { return nil }
    }
    return nil
  }

  /// A free place for a thread pointer; nil if there is none near its home.
  func place(for threadPointer: UInt64) -> Int? {
    let home = ThreadContext.home(of: threadPointer)
    // The last context only carries the session's mark.
    return (home..<(home + ThreadContext.probeLimit)).first {
      keys[$0] <= Self.retired && $0 != ThreadContext.count - 1
    }
  }

  private func address(_ index: Int) -> Address {
    memory.contextRange.start + UInt64(index * ThreadContext.stride)
  }

  /// Makes a context, while its thread is stopped. Other threads may be looking for theirs, and writes are torn:
  /// 1. All words but the key.
  /// 2. The key from its high end, two bytes (which are never torn) at a time: what stands there in between has low
  ///    bytes that no thread pointer has (zero, or those of a retired key), so nobody takes it for his own.
  mutating func insert(
    _ threadPointer: UInt64, at index: Int, cursor: Cursor, in process: ProcessMemory
  ) throws(ApusProcess.MemoryError) {
    let base = address(index)
    var context = [UInt64](repeating: 0, count: ThreadContext.stride / 8)
    var words = context
    func set(_ offset: Int32, _ value: UInt64) {
      if offset < ThreadContext.contextBytes {
        context[Int(offset) / 8] = value
      } else {
        words[Int(offset - ThreadContext.limit) / 8] = value
      }
    }
    if let buffer = cursor.buffer {
      let end = buffer.address + UInt64(buffer.size)
      // One place stays free: a full buffer looks otherwise than an empty one.
      set(ThreadContext.limit, end - 8)
      set(ThreadContext.bufferBase, buffer.address)
      set(ThreadContext.bufferEnd, end)
      set(ThreadContext.capacity, UInt64(buffer.size))
    }
    set(ThreadContext.home, cursor.stackTop >> UInt64(StackChunk.shift))
    set(ThreadContext.counters, cursor.counters)
    set(ThreadContext.session, 1)
    let place = Int(ThreadContext.threadPointer) / 8
    try process.write(Self.bytes(context[..<place]), at: base)
    try process.write(Self.bytes(context[(place + 1)...]), at: base + UInt64(8 * (place + 1)))
    try process.write(Self.bytes(words), at: base + UInt64(ThreadContext.limit))
    // The high end first.
    try writeKey(threadPointer, of: index, stride(from: 6, through: 0, by: -2), in: process)
    keys[index] = threadPointer
  }

  /// Takes a context away whose thread runs no more, or shares its thread pointer with another. It can be given out again
  /// after ``release(_:)``.
  mutating func retire(_ index: Int, in process: ProcessMemory) throws(ApusProcess.MemoryError) {
    // From the low end: a key in between is no thread pointer.
    try writeKey(Self.retired, of: index, stride(from: 0, through: 6, by: 2), in: process)
    keys[index] = Self.draining
  }

  private func writeKey(
    _ key: UInt64, of index: Int, _ order: StrideThrough<Int>, in process: ProcessMemory
  ) throws(ApusProcess.MemoryError) {
    let bytes = Self.bytes([key])
    let address = address(index) + UInt64(ThreadContext.threadPointer)
    for pair in order { try process.write(Array(bytes[pair...(pair + 1)]), at: address + UInt64(pair)) }
  }

  /// The context's ring is empty.
  mutating func release(_ index: Int) {
    if keys[index] == Self.draining { keys[index] = Self.retired }
  }

  /// Makes ``sessionMark`` what it says.
  func mark(in process: ProcessMemory) throws(ApusProcess.MemoryError) {
    try process.write([1], at: sessionMark)
  }

  /// Makes a context's mark of the session, and ``sessionMark``, 0 or 1: without them its thread records nothing and does not stop
  /// itself.
  func setSession(
    _ index: Int, _ value: UInt8, in process: ProcessMemory
  ) throws(ApusProcess.MemoryError) {
    try process.write([value], at: address(index) + UInt64(ThreadContext.session))
    try process.write([value], at: sessionMark)
  }

  /// The address of a word that is not zero while the session's memory is the session's own: zero in a forked child.
  var sessionMark: Address {
    address(ThreadContext.count - 1) + UInt64(ThreadContext.session)
  }

  private static func bytes(_ words: some Sequence<UInt64>) -> [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
  }
}
