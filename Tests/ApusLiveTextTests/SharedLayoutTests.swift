import ApusLiveText
import ApusProbe
import Testing

@Suite struct SharedLayoutTests {
  static let layouts = [1 << 14, 1 << 16].flatMap { capacity in
    [0, 1, ThreadContext.count].flatMap { arrays in
      [4096, 65536, 4 << 20, 1 << 30].map {
        SharedLayout(functionCapacity: capacity, counterArrays: arrays, bufferSize: $0)
      }
    }
  }

  @Test(arguments: layouts) func nothingOverlaps(layout: SharedLayout) {
    var parts: [(start: Int, bytes: Int)] = [
      (0, Int(SharedControl.size)), (layout.progress, ThreadContext.count * ThreadContext.stride),
      (layout.lostCalls, layout.functionCapacity * 8), (layout.sharedCounts, layout.functionCapacity * 8),
      (layout.counters, layout.counterArrays * layout.counterStride),
    ]
    for (index, size) in layout.bufferSizes.enumerated() {
      parts.append((layout.buffers(ofClass: index), SharedLayout.bufferCounts[index] * size))
    }
    for (part, next) in zip(parts, parts.dropFirst()) { #expect(part.start + part.bytes <= next.start) }
    if let last = parts.last { #expect(last.start + last.bytes <= layout.size) }
    #expect(parts.allSatisfy { $0.start % 64 == 0 })
    #expect(layout.size % 4096 == 0)
    #expect(layout.counterStride >= layout.functionCapacity * 8)
  }

  @Test(arguments: layouts) func buffersArePowersOfTwoAndAligned(layout: SharedLayout) {
    #expect(layout.bufferSizes.count == SharedLayout.bufferCounts.count)
    #expect(layout.bufferSizes[0] == layout.bufferSize)
    for (index, size) in layout.bufferSizes.enumerated() {
      #expect(size >= 4096 && size & (size - 1) == 0 && size <= layout.bufferSize)
      // Whole pages: each can be faulted in by itself.
      #expect(layout.buffers(ofClass: index) % 4096 == 0)
    }
  }

  /// Programs find a thread's progress words from its context: one distance must fit all.
  @Test func progressWordsAreWhereProgramsLookForThem() {
    let layout = Self.layouts[0]
    // Contexts, cursors and the shared region follow each other.
    let shared = Int(ThreadContext.privateBytes)
    #expect(Int(ThreadContext.position) == shared + layout.progress)
    #expect(ThreadContext.consumed - ThreadContext.position < Int32(ThreadContext.stride))
  }

  /// Caches of 32 KiB and more have at least 64 sets, which the addresses' bits 6 to 11 choose.
  @Test func whatEveryEventTouchesIsInDifferentSets() {
    let context = [
      ThreadContext.threadPointer, ThreadContext.windowLow, ThreadContext.windowDelta, ThreadContext.current,
    ]
    func sets(_ offsets: [Int32]) -> Set<Int32> { Set(offsets.map { $0 >> 6 & 63 }) }
    let lines: [Set<Int32>] = [
      sets(context), sets([ThreadContext.limit]),
      sets([ThreadContext.position, ThreadContext.sealed, ThreadContext.aged]),
    ]
    #expect(lines.allSatisfy { $0.count == 1 })
    #expect(Set(lines).count == 3)
    // They stay so wherever a context is: places are lines apart, and the whole table is pages.
    #expect(ThreadContext.stride == 128 && ThreadContext.contextBytes % 4096 == 0)
    // What forks wipe is whole pages of any size, and all cursors.
    #expect(ThreadContext.contextBytes % 65536 == 0 && ThreadContext.privateBytes % 65536 == 0)
    let lastCursor = ThreadContext.limit + ThreadContext.contextBytes
    #expect(lastCursor <= ThreadContext.privateBytes && ThreadContext.limit >= ThreadContext.contextBytes)
  }
}
