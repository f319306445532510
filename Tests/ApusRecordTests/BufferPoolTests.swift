import ApusLiveText
import Testing

@testable import ApusRecord

@Suite struct BufferPoolTests {
  static let layout = SharedLayout(functionCapacity: 64, counterArrays: 0, bufferSize: 1 << 20)

  @Test func theFirstThreadsGetLargeBuffersAndAllAreDistinct() {
    var pool = BufferPool(Self.layout)
    var taken: [BufferPool.Buffer] = []
    while let buffer = pool.take() { taken.append(buffer) }
    #expect(taken.count == SharedLayout.bufferCounts.reduce(0, +))
    var from = 0
    for (count, size) in zip(SharedLayout.bufferCounts, Self.layout.bufferSizes) {
      #expect(taken[from..<(from + count)].allSatisfy { $0.size == size })
      from += count
    }
    let sorted = taken.sorted { $0.offset < $1.offset }
    for (buffer, next) in zip(sorted, sorted.dropFirst()) {
      #expect(buffer.offset + buffer.size <= next.offset)
    }
    #expect((sorted.first?.offset ?? 0) >= Self.layout.buffers)
    #expect((sorted.last.map { $0.offset + $0.size } ?? .max) <= Self.layout.size)
    #expect(pool.take() == nil, "exhausted")
  }

  @Test func whatIsGivenBackIsGivenOutAgain() throws {
    var pool = BufferPool(Self.layout)
    var taken: [BufferPool.Buffer] = []
    while let buffer = pool.take() { taken.append(buffer) }
    let large = taken[3]
    let small = try #require(taken.last)
    pool.give(small)
    pool.give(large)
    #expect(pool.take() == large, "the largest first")
    #expect(pool.take() == small)
    #expect(pool.take() == nil)
  }

  @Test func aReturnedLargeBufferComesBeforeAnUnusedSmallOne() throws {
    var pool = BufferPool(Self.layout)
    var taken: [BufferPool.Buffer] = []
    for _ in 0...SharedLayout.bufferCounts[0] {
      let buffer = pool.take()
      taken.append(try #require(buffer))
    }
    pool.give(taken[0])
    #expect(pool.take() == taken[0])
    #expect(pool.take()?.size == Self.layout.bufferSizes[1])
  }
}
