internal import ApusLiveText

/// Gives out event buffers: large ones to the first threads, small ones when there are thousands.
struct BufferPool {
  /// A buffer in the shared region.
  struct Buffer: Hashable {
    /// From the region's start, in bytes.
    var offset: Int
    /// In bytes, a power of two.
    var size: Int
    fileprivate var kind: Int
  }

  private let layout: SharedLayout
  private var unused: [Int]
  private var returned: [[Buffer]]

  init(_ layout: SharedLayout) {
    self.layout = layout
    unused = SharedLayout.bufferCounts.map { _ in 0 }
    returned = SharedLayout.bufferCounts.map { _ in [] }
  }

  /// The largest buffer that is free; nil when all are in use.
  mutating func take() -> Buffer? {
    for kind in SharedLayout.bufferCounts.indices {
      if let buffer = returned[kind].popLast() { return buffer }
      guard unused[kind] < SharedLayout.bufferCounts[kind] else { continue }
      let size = layout.bufferSizes[kind]
      defer { unused[kind] += 1 }
      return Buffer(offset: layout.buffers(ofClass: kind) + unused[kind] * size, size: size, kind: kind)
    }
    return nil
  }

  /// Takes back a buffer that holds zeros only.
  mutating func give(_ buffer: Buffer) { returned[buffer.kind].append(buffer) }
}
