internal import Glibc
package import ApusCore
package import ApusProbe
package import ApusProcess
package import ApusSystem

/// Where things stand in the shared region, in bytes from its start.
package struct SharedLayout: Sendable, Hashable {
  /// How many function identifiers there is room for.
  package let functionCapacity: Int
  /// How many threads may have counters at once (count level), else 0.
  package let counterArrays: Int
  /// A full buffer's bytes, a power of two.
  package let bufferSize: Int

  /// Bytes from one thread's consumed word to the next one's.
  package static let consumedStride = 64
  /// How many buffers there are of each size.
  package static let bufferCounts = [16, 256, 32768]

  /// A layout.
  package init(functionCapacity: Int, counterArrays: Int, bufferSize: Int) {
    self.functionCapacity = functionCapacity
    self.counterArrays = counterArrays
    self.bufferSize = bufferSize
  }

  /// The sizes of the buffers, for each of `bufferCounts`.
  package var bufferSizes: [Int] { [bufferSize, max(bufferSize / 16, 4096), max(bufferSize / 512, 4096)] }
  package var consumed: Int { Int(SharedControl.size) }
  package var lostCalls: Int { consumed + ThreadContext.count * Self.consumedStride }
  package var sharedCounts: Int { lostCalls + functionCapacity * 8 }
  package var counters: Int { sharedCounts + functionCapacity * 8 }
  package var counterStride: Int { functionCapacity * 8 }
  package var buffers: Int { counters + counterArrays * counterStride }
  package var size: Int {
    let bytes = buffers + zip(Self.bufferCounts, bufferSizes).reduce(0) { $0 + $1.0 * $1.1 }
    return (bytes + 4095) & ~4095
  }

  /// Where the buffers of one size begin.
  package func buffers(ofClass index: Int) -> Int {
    buffers + zip(Self.bufferCounts, bufferSizes).prefix(index).reduce(0) { $0 + $1.0 * $1.1 }
  }
}

/// The memory that a session has in a process, arenas apart.
package final class SessionMemory {
  package let layout: SharedLayout
  /// The shared region, here.
  package let shared: MappedMemory
  /// The shared region, in the process.
  package let sharedRange: AddressRange
  /// Contexts, cursors and chunk table.
  package let privateRange: AddressRange
  /// The mirror.
  package let mirrorRange: AddressRange
  /// log2 of the chunk table's home places.
  package let chunkBits: UInt8

  private static let wipeOnFork: Int32 = 18
  private static let noHugePages: Int32 = 15
  private static let dontDump: Int32 = 16
  private static let populateForWriting: Int32 = 23

  /// Maps everything in the process of the stopped thread that `caller` names.
  package init(
    layout: SharedLayout, in caller: RemoteCaller, descriptorOf process: borrowing FileDescriptor,
    gap: AddressSpaceGap
  ) throws(LiveTextError) {
    self.layout = layout
    let contextBytes = UInt64(2 * ThreadContext.count * ThreadContext.stride)
    let sharedBytes = UInt64(layout.size)
    var bits: UInt8 = 16
    while true {
      let slots = UInt64((1 << Int(bits)) + StackChunk.probeLimit)
      let privateBytes = (contextBytes + slots * UInt64(StackChunk.slotStride) + 0xfff) & ~0xfff
      let mirrorBytes = slots << UInt64(StackChunk.mirrorShift)
      let total = privateBytes + mirrorBytes + sharedBytes
      guard let place = gap.findRemote(bytes: total) else {
        throw .noGap(near: AddressRange(0, 0), bytes: total)
      }
      let privateRange = AddressRange(place.start, place.start + privateBytes)
      let mirrorRange = AddressRange(privateRange.end, privateRange.end + mirrorBytes)
      do throws(TraceError) {
        try RemoteFile.anonymous(bytes: privateBytes + mirrorBytes, at: place.start, in: caller)
      } catch .remoteCall(.mmap, errno: let errno) where errno == .noMemory {
        // A limit on addresses (RLIMIT_AS), or no overcommitment: fewer stacks at once will do.
        guard bits > 8 else { throw .noMemory(bytes: total, errno: errno) }
        bits -= 1
        continue
      } catch { throw .process(error) }
      try lifting { () throws(TraceError) in
        let cursors = place.start + UInt64(ThreadContext.cursorDistance)
        try caller.madvise(
          AddressRange(cursors & ~0xfff, place.start + contextBytes), advice: Self.wipeOnFork)
        try caller.madvise(AddressRange(privateRange.start, mirrorRange.end), advice: Self.noHugePages)
        try caller.madvise(AddressRange(privateRange.start, mirrorRange.end), advice: Self.dontDump)
      }
      self.privateRange = privateRange
      self.mirrorRange = mirrorRange
      chunkBits = bits
      sharedRange = AddressRange(mirrorRange.end, mirrorRange.end + sharedBytes)
      break
    }
    shared = try RemoteFile.map(
      bytes: sharedBytes, at: sharedRange.start, executable: false, name: "apus-trace", in: caller,
      descriptorOf: process)
    let range = sharedRange
    try lifting { () throws(TraceError) in try caller.madvise(range, advice: Self.dontDump) }
  }

  /// Faults the pages of a buffer in, so that the thread's first events cost no more than the later ones. (Kernels before
  /// 5.14 cannot; then the first events cost more.)
  package func populate(offset: Int, bytes: Int, in caller: RemoteCaller) throws(LiveTextError) {
    let start = sharedRange.start + UInt64(offset)
    do throws(TraceError) {
      try caller.madvise(AddressRange(start, start + UInt64(bytes)), advice: Self.populateForWriting)
    } catch .remoteCall { return } catch { throw .process(error) }
  }

  /// In a forked child: everything that it shares with its parent's session, the control page excepted, becomes its own,
  /// and empty.
  package func sever(in caller: RemoteCaller) throws(LiveTextError) {
    let start = sharedRange.start + UInt64(layout.consumed)
    try lifting { () throws(TraceError) in
      _ = try caller.mmap(
        start, count: sharedRange.end - start, protection: PROT_READ | PROT_WRITE,
        flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED)
    }
  }

  /// What the programs must know.
  package func environment(
    slowReturn: Address, isTimed: Bool, waitsForRoom: Bool, depthLimit: Int32?
  ) -> ProbeEnvironment {
    ProbeEnvironment(
      contexts: privateRange.start,
      chunkTable: privateRange.start + UInt64(2 * ThreadContext.count * ThreadContext.stride),
      chunkBits: chunkBits, mirror: mirrorRange.start, control: sharedRange.start,
      lostCalls: sharedRange.start + UInt64(layout.lostCalls),
      sharedCounts: sharedRange.start + UInt64(layout.sharedCounts), slowReturn: slowReturn, isTimed: isTimed,
      waitsForRoom: waitsForRoom, depthLimit: depthLimit)
  }
}
