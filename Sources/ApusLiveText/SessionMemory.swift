package import ApusCore
package import ApusProbe
package import ApusProcess
package import ApusSystem
internal import Glibc

/// Where things stand in the shared region, in bytes from its start.
package struct SharedLayout: Sendable, Hashable {
  /// How many function identifiers there is room for.
  package let functionCapacity: Int
  /// How many threads may have counters at once (count level), else 0.
  package let counterArrays: Int
  /// A full buffer's bytes, a power of two.
  package let bufferSize: Int

  /// The largest page size of any architecture, in bytes.
  static let largestPage = 65536

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
  /// The progress words, `ThreadContext.stride` apart.
  package var progress: Int { Int(SharedControl.size) }
  package var lostCalls: Int { progress + ThreadContext.count * ThreadContext.stride }
  package var sharedCounts: Int { lostCalls + functionCapacity * 8 }
  package var counters: Int { sharedCounts + functionCapacity * 8 }
  package var counterStride: Int { functionCapacity * 8 }
  package var buffers: Int { counters + counterArrays * counterStride }
  package var size: Int {
    let bytes = buffers + zip(Self.bufferCounts, bufferSizes).reduce(0) { $0 + $1.0 * $1.1 }
    return (bytes + Self.largestPage - 1) & ~(Self.largestPage - 1)
  }

  /// Where the buffers of one size begin.
  package func buffers(ofClass index: Int) -> Int {
    buffers + zip(Self.bufferCounts, bufferSizes).prefix(index).reduce(0) { $0 + $1.0 * $1.1 }
  }
}

/// The memory that a session has in a process, arenas apart.
package final class SessionMemory {
  package let layout: SharedLayout
  /// The shared region.
  package let mapping: RemoteMapping
  /// The shared region, here. Only for a session whose region has a view.
  package var shared: MappedMemory {
    guard let view = mapping.view else { preconditionFailure("the session's memory has no view here") }
    return view
  }
  /// The shared region, in the process.
  package let sharedRange: AddressRange
  /// Contexts and cursors.
  package let contextRange: AddressRange
  /// The chunk table.
  package let tableRange: AddressRange
  /// The mirror.
  package let mirrorRange: AddressRange
  /// log2 of the chunk table's home places.
  package let chunkBits: UInt8

  private static let wipeOnFork: Int32 = 18
  private static let noHugePages: Int32 = 15
  private static let dontDump: Int32 = 16
  private static let populateForWriting: Int32 = 23

  /// Maps everything in the process of the stopped thread that `caller` names.
  ///
  /// - Parameter chunkBits: log2 of how many chunks stacks may have; fewer if there is no memory for so many.
  package init(
    layout: SharedLayout, in caller: RemoteCaller, sharing: any MemorySharing, gap: AddressSpaceGap,
    chunkBits most: UInt8 = 15
  ) throws(LiveTextError) {
    self.layout = layout
    let contextBytes = UInt64(ThreadContext.privateBytes)
    let sharedBytes = UInt64(layout.size)
    var bits = most
    while true {
      let slots = UInt64((1 << Int(bits)) + StackChunk.probeLimit)
      let page = UInt64(SharedLayout.largestPage)
      let tableBytes = (slots * UInt64(StackChunk.slotStride) + page - 1) & ~(page - 1)
      let mirrorBytes = slots << UInt64(StackChunk.mirrorShift)
      let total = contextBytes + sharedBytes + tableBytes + mirrorBytes
      guard let place = gap.findRemote(bytes: total) else {
        throw .noGap(near: AddressRange(0, 0), bytes: total)
      }
      let contexts = AddressRange(place.start, place.start + contextBytes)
      let shared = AddressRange(contexts.end, contexts.end + sharedBytes)
      let table = AddressRange(shared.end, shared.end + tableBytes)
      let mirror = AddressRange(table.end, table.end + mirrorBytes)
      do throws(TraceError) {
        try RemoteFile.anonymous(bytes: tableBytes + mirrorBytes, at: table.start, in: caller)
      } catch .remoteCall(.mmap, errno: let errno) where errno == .noMemory {
        // A limit on addresses (RLIMIT_AS), or no overcommitment: fewer stacks at once will do.
        guard bits > 8 else { throw .noMemory(bytes: total, errno: errno) }
        bits -= 1
        continue
      } catch { throw .process(error) }
      try lifting { () throws(TraceError) in
        try RemoteFile.anonymous(bytes: contextBytes, at: contexts.start, in: caller)
        let cursors = contexts.start + UInt64(ThreadContext.contextBytes)
        try caller.madvise(AddressRange(cursors, contexts.end), advice: Self.wipeOnFork)
        try caller.madvise(contexts, advice: Self.dontDump)
        try caller.madvise(AddressRange(table.start, mirror.end), advice: Self.noHugePages)
        try caller.madvise(AddressRange(table.start, mirror.end), advice: Self.dontDump)
      }
      contextRange = contexts
      tableRange = table
      mirrorRange = mirror
      chunkBits = bits
      sharedRange = shared
      break
    }
    mapping = try sharing.map(
      bytes: sharedBytes, at: sharedRange.start, executable: false, name: "apus-trace", in: caller)
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
  ///
  /// The fork may have come in the midst of raising the limit of the forking thread's context, which then is not zero: its
  /// position is not zero either, but the start of the buffer, and nothing is written elsewhere.
  ///
  /// - Parameter context: the index of the forking thread's context, if it has one.
  package func sever(in caller: RemoteCaller, context: Int?, memory: ProcessMemory) throws(LiveTextError) {
    let start = sharedRange.start + UInt64(layout.progress)
    try lifting { () throws(TraceError) in
      _ = try caller.mmap(
        start, count: sharedRange.end - start, protection: PROT_READ | PROT_WRITE,
        flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED)
    }
    guard let context else { return }
    let place = contextRange.start + UInt64(context * ThreadContext.stride)
    try lifting { () throws(ApusProcess.MemoryError) in
      let base = try memory.readWord(place + UInt64(ThreadContext.bufferBase))
      let bytes = (0..<8).map { UInt8(truncatingIfNeeded: base >> (8 * UInt64($0))) }
      try memory.write(bytes, at: place + UInt64(ThreadContext.position))
    }
  }

  /// The addresses that the session takes, in bytes, arenas apart; pages exist of a small part of them only.
  package var reservedBytes: UInt64 { mirrorRange.end - contextRange.start }

  /// What the programs must know.
  package func environment(
    slowReturn: Address, arena: AddressRange, isTimed: Bool, waitsForRoom: Bool, depthLimit: Int32?,
    minimumTicks: Int32 = 0
  ) -> ProbeEnvironment {
    ProbeEnvironment(
      contexts: contextRange.start, chunkTable: tableRange.start,
      chunkBits: chunkBits, mirror: mirrorRange.start, control: sharedRange.start,
      lostCalls: sharedRange.start + UInt64(layout.lostCalls),
      sharedCounts: sharedRange.start + UInt64(layout.sharedCounts), slowReturn: slowReturn, arena: arena,
      isTimed: isTimed, waitsForRoom: waitsForRoom, depthLimit: depthLimit, minimumTicks: minimumTicks)
  }
}
