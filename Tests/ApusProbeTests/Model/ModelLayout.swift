import ApusCore
import ApusProbe

/// Where everything stands in the modelled process. Regions are far apart, so that a wrong address is a fault.
enum ModelLayout {
  static let contexts: UInt64 = 0x10_0000_0000
  static let chunkTable: UInt64 = 0x20_0000_0000
  static let mirror: UInt64 = 0x30_0000_0000
  static let control = contexts + UInt64(ThreadContext.privateBytes)
  static let lostCalls = control + 0x80_0000
  static let sharedCounts = control + 0x80_1000
  static let rings = control + 0x81_0000
  static let ringDistance: UInt64 = 0x1000
  /// The counters of each context (count level).
  static let counters = control + 0x82_0000
  static let counterDistance: UInt64 = 0x100
  static let sharedEnd = control + 0x83_0000
  static let arena: UInt64 = 0x50_0000_0000
  static let slowReturn = arena + 0x8000
  static let arenaSize: UInt64 = 0x10000
  static let tokens: UInt64 = 0x60_0000_0000
  /// What the unwinder hands to its functions.
  static let unwinder: UInt64 = 0x65_0000_0000
  /// The ops of the functions that have a stub in common.
  static let ops: UInt64 = 0x67_0000_0000
  static func ops(_ function: Int) -> UInt64 { ops + UInt64(function * CallSiteOps.size) }
  /// How many libraries each thread has opened: the loader's own list.
  static let libraries = unwinder + 0x80
  static let chunkBits: UInt8 = 4
  static let chunkSlots = (1 << 4) + StackChunk.probeLimit
  static let firstStack: UInt64 = 0x7000_0000_0000

  /// Bytes of each stack that may be touched.
  static let stackSize: UInt64 = 0x1000

  /// The return point of a function's stub.
  static func stubPoint(_ function: Int) -> UInt64 { arena + UInt64(function) * 64 + 32 }
  /// The function whose stub an address returns into.
  static func function(at point: UInt64) -> Int? {
    let place = point &- arena
    guard place < 0x8000, place % 64 == 32 else { return nil }
    return Int(place / 64)
  }

  /// Where the search for a stack's slot begins.
  static let homeSlot = Int(
    ((firstStack >> UInt64(StackChunk.shift)) &* StackChunk.hashMultiplier) >> (64 - UInt64(chunkBits)))

  /// The top of a stack: the middle of a chunk. Stacks 0, 1, 2 … are in chunks whose home slots are all the same, and none is so near to
  /// another that it could be a part of it.
  static let stackTops: [UInt64] = {
    var tops: [UInt64] = []
    var key = firstStack >> UInt64(StackChunk.shift)
    let home = (key &* StackChunk.hashMultiplier) >> (64 - UInt64(chunkBits))
    while tops.count < 6 {
      if (key &* StackChunk.hashMultiplier) >> (64 - UInt64(chunkBits)) == home {
        tops.append(key << UInt64(StackChunk.shift) + 0x20000 + 8)
        key += UInt64(ThreadContext.homeChunks)
      }
      key += 1
    }
    return tops
  }()
  /// A border between two chunks, on which a stack may lie.
  static let edge: UInt64 = firstStack + 0x4000_0000
  /// How far above the first thread's stack, in the same chunk, another one may lie.
  static let neighbour: UInt64 = 0x2000

  /// Thread pointers: 0 and 1 have different homes, 2 has the home of 0.
  static let threadPointers: [UInt64] = {
    let first: UInt64 = 0x7100_0000_0640
    var third = first + 0x1000
    while ThreadContext.home(of: third) != ThreadContext.home(of: first) { third += 0x1000 }
    return [first, first + 0x1000, third]
  }()

  static func context(_ thread: Int) -> UInt64 {
    let place = ThreadContext.home(of: threadPointers[thread]) + (thread == 2 ? 1 : 0)
    return contexts + UInt64(place * ThreadContext.stride)
  }
  static func counters(_ thread: Int) -> UInt64 { counters + UInt64(thread) * counterDistance }
  static func ring(_ thread: Int) -> UInt64 { rings + UInt64(thread) * ringDistance }

  /// A small register file: a word that tells calls apart, and the program counter.
  static let registers = RegisterRecord(count: 2, frameBytes: 16, programCounter: 1)
  /// The call site of a function.
  static func site(_ function: Int) -> UInt64 { 0x9000_0000_0000 + UInt64(function) * 64 }
  /// The environment of a session.
  static func environment(
    timed: Bool, waits: Bool, stops: Bool = false, depthLimit: Int32?, minimumTicks: Int32 = 0
  ) -> ProbeEnvironment {
    var environment = ProbeEnvironment(
      contexts: contexts, chunkTable: chunkTable, chunkBits: chunkBits, mirror: mirror, control: control,
      lostCalls: lostCalls, sharedCounts: sharedCounts, slowReturn: slowReturn,
      arena: AddressRange(arena, arena + arenaSize), isTimed: timed, waitsForRoom: waits,
      depthLimit: depthLimit, minimumTicks: minimumTicks, registers: registers)
    environment.trapsForRoom = stops
    return environment
  }

  /// Every address that is mapped.
  static let mapped: [Range<UInt64>] = {
    var ranges: [Range<UInt64>] = [
      contexts..<contexts + UInt64(ThreadContext.privateBytes),
      chunkTable..<chunkTable + UInt64(chunkSlots * StackChunk.slotStride),
      mirror..<mirror + UInt64(chunkSlots) << UInt64(StackChunk.mirrorShift),
      control..<sharedEnd, unwinder..<unwinder + 0x100, ops..<ops(ProgramSet.functions),
      edge - stackSize..<edge + 0x100,
      stackTops[1] + neighbour - stackSize..<stackTops[1] + neighbour + 8,
    ]
    for top in stackTops { ranges.append(top - stackSize..<top + 8) }
    return ranges
  }()
}
