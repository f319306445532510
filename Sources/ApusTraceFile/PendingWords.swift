/// Words of one thread that wait to become a chunk, with the counter readings that date them.
@safe final class PendingWords {
  /// The thread's key.
  let thread: UInt32
  /// The process's key.
  let process: UInt32
  /// What the encoder keeps between the thread's chunks.
  var clock = ThreadClock()
  private var storage: Block?
  /// How many words there are.
  private(set) var count = 0
  /// Batches: where each ends, and the counter when it was read.
  private var batches: [(end: Int, drainCounter: UInt64)] = []

  init(thread: UInt32, process: UInt32) {
    self.thread = thread
    self.process = process
  }

  /// Bytes of memory held.
  var capacity: Int { (storage?.size ?? 0) + batches.capacity * 16 }

  /// Adds a batch.
  func append(_ words: UnsafeBufferPointer<UInt64>, drainCounter: UInt64) {
    let size = (count + words.count) * 8
    if (storage?.size ?? 0) < size {
      let grown = Block(size: max(size, 512, size + size / 2))
      if let storage {
        unsafe grown.base.copyMemory(from: storage.base, byteCount: count * 8)
      }
      storage = grown
    }
    guard let storage, let source = words.baseAddress else { return }
    unsafe (storage.base + count * 8).copyMemory(from: source, byteCount: words.count * 8)
    count += words.count
    batches.append((count, drainCounter))
  }

  /// Gives every batch to `body`, and forgets them. Keeps a small buffer for more.
  func drain(_ body: (UnsafeBufferPointer<UInt64>, UInt64) -> Void) {
    var start = 0
    if let storage {
      for batch in batches {
        let base = unsafe (storage.base + start * 8).assumingMemoryBound(to: UInt64.self)
        unsafe body(UnsafeBufferPointer(start: base, count: batch.end - start), batch.drainCounter)
        start = batch.end
      }
    }
    count = 0
    batches.removeAll(keepingCapacity: batches.count <= 64)
  }

  /// Gives the memory back.
  func release() {
    storage = nil
    batches = []
  }
}
