/// The predictor of both encoder and decoder: rings of the functions entered last; see ``TraceFormat``.
///
/// The newest function's ring is the current one. `top` counts pushes less pops (it wraps), `depth` how many
/// of the ring's slots are known.
@safe struct EventRings {
  private let storage: Block
  private let tops: Block
  /// The current ring.
  private(set) var ring: UInt32 = 0
  /// One past the newest, modulo the ring's size.
  var top: UInt32 = 0
  /// How many functions the current ring knows.
  var depth: UInt32 = 0

  init() {
    storage = Block(size: Int(TraceFormat.ringSize * TraceFormat.ringCount) * 4)
    tops = Block(size: Int(TraceFormat.ringCount) * 8)
    reset()
  }

  /// The current ring's slots.
  @inline(__always) var slots: UnsafeMutablePointer<UInt32> {
    unsafe (storage.base + Int(ring &* TraceFormat.ringSize) &* 4).assumingMemoryBound(to: UInt32.self)
  }

  /// Forgets everything: a chunk starts.
  mutating func reset() {
    ring = 0
    top = 0
    depth = 0
    for index in 0..<Int(TraceFormat.ringCount) { unsafe store(UInt64(0), tops.base, index * 8) }
  }

  /// `stack` with this index.
  mutating func select(stack: UInt32) {
    unsafe store(UInt64(top) << 32 | UInt64(depth), tops.base, Int(ring) * 8)
    ring = 1 + stack % (TraceFormat.ringCount - 1)
    let saved = unsafe load(UInt64.self, tops.base, Int(ring) * 8)
    top = UInt32(truncatingIfNeeded: saved >> 32)
    depth = UInt32(truncatingIfNeeded: saved)
  }

  @inline(__always) mutating func push(_ function: UInt32) {
    unsafe slots[Int(top & (TraceFormat.ringSize &- 1))] = function
    top &+= 1
    if depth < TraceFormat.ringSize { depth &+= 1 }
  }

  /// The function that was entered last, if it is known.
  var newest: UInt32? {
    depth > 0 ? unsafe slots[Int((top &- 1) & (TraceFormat.ringSize &- 1))] : nil
  }

  /// `unwound` or `gap`.
  mutating func pop(_ count: UInt32) {
    let count = min(count, depth)
    top &-= count
    depth &-= count
  }

  /// A return that was not predicted.
  mutating func popDown(to function: UInt32) {
    for distance in 0..<min(depth, TraceFormat.searchDepth)
    where unsafe slots[Int((top &- 1 &- distance) & (TraceFormat.ringSize &- 1))] == function {
      return pop(distance &+ 1)
    }
  }

  /// A tail call.
  mutating func replace(_ function: UInt32) {
    if depth > 0 {
      unsafe slots[Int((top &- 1) & (TraceFormat.ringSize &- 1))] = function
    } else {
      push(function)
    }
  }
}
