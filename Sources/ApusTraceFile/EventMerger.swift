/// Puts the events of several threads in order of time.
///
/// Each thread has one decoded chunk in memory at a time, while it has events left; a writer's budget bounds
/// how much that is together, and a limit refuses files that were made to break it.
struct EventMerger {
  private static let memoryLimit = 1 << 30

  private struct Cursor {
    var chunks: [EventChunk]
    var next = 0
    var decoded: DecodedChunk?
    var at = 0
    /// Time of the next event: of the chunk's first, until it is decoded.
    var time: UInt64
  }

  private var cursors: [Cursor] = []
  /// Indices into `cursors`, a binary heap by (time, index).
  private var heap: [Int] = []
  private let file: InputFile
  private let scale: ClockScale?
  private let tools = DecodingTools()
  private var spare: [DecodedChunk] = []
  private var held = 0

  init(_ chunks: [EventChunk], file: InputFile, scale: ClockScale?) {
    self.file = file
    self.scale = scale
    var index: [UInt32: Int] = [:]
    for chunk in chunks {
      if let known = index[chunk.header.thread] {
        cursors[known].chunks.append(chunk)
      } else {
        index[chunk.header.thread] = cursors.count
        cursors.append(Cursor(chunks: [chunk], time: (scale ?? .ticks).convert(chunk.header.firstTime)))
      }
    }
    for cursor in cursors.indices { push(cursor) }
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    (cursors[a].time, a) < (cursors[b].time, b)
  }

  private mutating func push(_ cursor: Int) {
    heap.append(cursor)
    var at = heap.count - 1
    while at > 0 {
      let up = (at - 1) / 2
      guard precedes(heap[at], heap[up]) else { return }
      heap.swapAt(at, up)
      at = up
    }
  }

  private mutating func sink() {
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < heap.count && precedes(heap[child], heap[least]) {
        least = child
      }
      guard least != at else { return }
      heap.swapAt(at, least)
      at = least
    }
  }

  /// Decodes the next chunk of a cursor.
  private mutating func load(_ index: Int) -> TraceDamage? {
    let chunk = cursors[index].chunks[cursors[index].next]
    cursors[index].next += 1
    let decoded = spare.popLast() ?? DecodedChunk()
    held -= decoded.size
    guard held + Int(chunk.header.events) * MemoryLayout<TraceEvent>.stride < Self.memoryLimit else {
      return TraceDamage(offset: chunk.offset, defect: .oversizedChunk)
    }
    decoded.fill(chunk, from: file, scale: scale, with: tools)
    held += decoded.size
    if let defect = decoded.defect { return TraceDamage(offset: chunk.offset, defect: defect) }
    cursors[index].decoded = decoded
    cursors[index].at = 0
    return nil
  }

  mutating func forEachRun<Failure: Error>(
    _ body: (EventRun) throws(Failure) -> Void
  ) throws(Failure) -> TraceDamage? {
    while let index = heap.first {
      if cursors[index].decoded == nil, let damage = load(index) { return damage }
      guard let decoded = cursors[index].decoded else { return nil }
      // Up to the time of whoever comes next.
      var limit = UInt64.max
      for child in [1, 2] where child < heap.count { limit = min(limit, cursors[heap[child]].time) }
      let events = unsafe decoded.events
      let start = cursors[index].at
      var end = start
      while unsafe end < events.count && events[end].time <= limit { end += 1 }
      let atEnd = end == events.count
      let isLast = atEnd && cursors[index].next == cursors[index].chunks.count
      if end > start || isLast {
        let header = decoded.header
        let run = unsafe EventRun(
          thread: header.thread, process: header.process, flags: header.flags, isLast: isLast,
          registers: decoded.registers, events: UnsafeBufferPointer(rebasing: events[start..<end]))
        try body(run)
      }
      if !atEnd {
        cursors[index].at = end
        unsafe cursors[index].time = events[end].time
      } else {
        cursors[index].decoded = nil
        if spare.count < 4 { spare.append(decoded) } else { held -= decoded.size }
        if isLast {
          heap.swapAt(0, heap.count - 1)
          heap.removeLast()
        } else {
          let first = cursors[index].chunks[cursors[index].next].header.firstTime
          cursors[index].time = (scale ?? .ticks).convert(first)
        }
      }
      sink()
    }
    return nil
  }
}
