package import ApusCore
package import ApusProcess
package import ApusSystem

/// Memory that was mapped in a process, and the way to its bytes: a view of it here, or the process's own memory, behind a
/// connection for example.
package struct RemoteMapping {
  /// Where it is in the process.
  package let range: AddressRange
  /// The same memory, here; nil where it cannot be shared.
  package let view: MappedMemory?
  private let process: ProcessMemory?

  /// Memory with a view here.
  package init(_ range: AddressRange, view: MappedMemory) {
    self.range = range
    self.view = view
    process = nil
  }

  /// Memory without one.
  package init(_ range: AddressRange, in process: ProcessMemory) {
    self.range = range
    view = nil
    self.process = process
  }

  /// The word at an offset in bytes, a multiple of 8. Without a view it may be torn, unless its writers stand.
  package func load(_ offset: Int) throws(LiveTextError) -> UInt64 {
    if let view {
      do { return try view.load(at: offset) } catch { preconditionFailure("\(error)") }
    }
    return try words(at: offset, count: 1)[0]
  }

  /// Stores a word at an offset in bytes, a multiple of 8. Without a view others may see a part of it.
  package func store(_ value: UInt64, _ offset: Int) throws(LiveTextError) {
    if let view {
      do { try view.store(value, at: offset) } catch { preconditionFailure("\(error)") }
      return
    }
    try write((0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }, at: offset)
  }

  /// Words from an offset in bytes, a multiple of 8.
  package func words(at offset: Int, count: Int) throws(LiveTextError) -> [UInt64] {
    let bytes: [UInt8]
    if let view {
      do { bytes = try view.bytes(at: offset, count: count * 8) } catch { preconditionFailure("\(error)") }
    } else {
      guard let process else { throw .noMemory(bytes: range.count, errno: .noMemory) }
      bytes = try lifting { () throws(ApusProcess.MemoryError) in
        try process.read(range.start + UInt64(offset), count: count * 8)
      }
    }
    return (0..<count).map { index in
      bytes[(index * 8)..<(index * 8 + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  /// Writes bytes at an offset.
  package func write(_ bytes: [UInt8], at offset: Int) throws(LiveTextError) {
    if let view {
      do { try view.store(bytes: bytes, at: offset) } catch { preconditionFailure("\(error)") }
      return
    }
    guard let process else { throw .noMemory(bytes: range.count, errno: .noMemory) }
    try lifting { () throws(ApusProcess.MemoryError) in
      try process.write(bytes, at: range.start + UInt64(offset))
    }
  }
}

/// How memory comes to be in a process and, where that is possible, here at once.
package protocol MemorySharing {
  /// Whether code is stored through a view of it: where instruction fetches see that, or where there is no other way.
  func storesCode(_ states: SiteStates) -> Bool
  /// Maps zeros in the process of the stopped thread that `caller` names.
  func map(
    bytes: UInt64, at address: Address, executable: Bool, name: String, in caller: RemoteCaller
  ) throws(LiveTextError) -> RemoteMapping
}

/// Memory shared with a process of this machine.
package struct LocalSharing: MemorySharing {
  private let process: ProcessID

  /// With this process.
  package init(_ process: ProcessID) { self.process = process }

  package func storesCode(_ states: SiteStates) -> Bool { states.hasCoherentFetches }

  package func map(
    bytes: UInt64, at address: Address, executable: Bool, name: String, in caller: RemoteCaller
  ) throws(LiveTextError) -> RemoteMapping {
    let descriptor: FileDescriptor
    do throws(SystemError) { descriptor = try FileDescriptor.process(process) } catch { throw .system(error) }
    let view = try RemoteFile.map(
      bytes: bytes, at: address, executable: executable, name: name, in: caller, descriptorOf: descriptor)
    return RemoteMapping(AddressRange(address, address + bytes), view: view)
  }
}
