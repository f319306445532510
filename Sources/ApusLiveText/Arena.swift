package import ApusCore
package import ApusProcess

/// Memory for trampolines in reach of some modules: executable in the process, writable here, never both in one place.
package final class Arena {
  /// Where it is in the process.
  package let range: AddressRange
  /// How far a branch from it reaches, and back.
  package let reach: UInt64
  private let mapping: RemoteMapping
  private var used: UInt64

  /// Makes an arena of `bytes` (a multiple of the page size) at a free place near `module`. Where instruction fetches do not see
  /// what another mapping stores, the memory is the process's own, and written through its own mapping, where the kernel
  /// maintains the caches.
  package init(
    near module: AddressRange, bytes: UInt64, states: SiteStates, in caller: RemoteCaller,
    sharing: any MemorySharing, gap: AddressSpaceGap
  ) throws(LiveTextError) {
    reach = states.reach
    guard let place = gap.find(near: module, bytes: bytes, reach: reach) else {
      throw .noGap(near: module, bytes: bytes)
    }
    if sharing.storesCode(states) {
      mapping = try sharing.map(
        bytes: bytes, at: place.start, executable: true, name: "apus-arena", in: caller)
    } else {
      let memory = try lifting { () throws(TraceError) in
        try RemoteFile.code(bytes: bytes, at: place.start, in: caller)
        return try caller.tracer.memory(of: try caller.tracer.process(of: caller.thread))
      }
      mapping = RemoteMapping(place, in: memory)
    }
    range = place
    used = 0
  }

  /// Bytes that are not given out yet.
  package var room: UInt64 { range.count - used }

  /// Whether all of `module` can branch to all of the arena and back.
  package func reaches(_ module: AddressRange) -> Bool {
    let low = min(range.start, module.start)
    let high = max(range.end, module.end)
    return high - low < reach
  }

  /// Gives out `bytes`, at an address that is `residue` modulo `modulus` (a power of two).
  package func allocate(
    _ bytes: Int, residue: UInt64 = 0, modulus: UInt64 = 16
  ) throws(LiveTextError) -> Address {
    let start = range.start + used
    let address = start + ((residue &- start) & (modulus - 1))
    guard address + UInt64(bytes) <= range.end else { throw .arenaFull(base: range.start) }
    used = address + UInt64(bytes) - range.start
    return address
  }

  /// Writes code that nothing leads to yet.
  package func write(_ bytes: [UInt8], at address: Address) throws(LiveTextError) {
    guard address >= range.start, address <= range.end, UInt64(bytes.count) <= range.end - address else {
      throw .arenaFull(base: range.start)
    }
    try mapping.write(bytes, at: Int(address - range.start))
  }
}
