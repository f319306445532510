internal import ApusCore
internal import ApusSystem

/// A gate in a process that has no arena yet: in bytes at the end of a page of code that belong to no segment.
package struct BootstrapGate: Sendable, Hashable {
  /// For remote calls.
  package var gate: RemoteCallGate
  /// The process.
  package var process: ProcessID
  /// What was there before.
  package var originalBytes: [UInt8]
}

extension PtraceTracer {
  /// Puts a gate into a process of which a thread is stopped: after the end of the code of the program, of its dynamic
  /// loader, or of the vDSO, where the last page has room. Those bytes are in no segment, and nobody runs or reads them.
  package func installBootstrapGate(_ process: ProcessID) throws(TraceError) -> BootstrapGate {
    let memory = try memory(of: process)
    let mappings: [MemoryMapping]
    do throws(SystemError) { mappings = try ProcessMaps.read(process: process) } catch {
      if error.errno == .noSuchFile || error.errno == .noSuchProcess { throw .gone(thread: process) }
      throw .system(error)
    }
    let address: Address?
    do throws(MemoryError) {
      address = try CodeTail.find(mappings, memory, room: Self.gateSize * 2)
      if let address {
        let original = try memory.read(address, count: Self.gateSize)
        try memory.write(machine.gateCode, at: address)
        return BootstrapGate(
          gate: RemoteCallGate(address: address), process: process, originalBytes: original)
      }
    } catch {
      throw error.reason == .gone ? .gone(thread: process) : .memory(error)
    }
    throw .noGate(process: process, why: "the code of every module fills its last page")
  }

  /// Puts the former bytes back. No thread may be in a remote call through it.
  package func removeBootstrapGate(_ gate: BootstrapGate) throws(TraceError) {
    let memory = try memory(of: gate.process)
    do throws(MemoryError) { try memory.write(gate.originalBytes, at: gate.gate.address) } catch {
      throw error.reason == .gone ? .gone(thread: gate.process) : .memory(error)
    }
  }
}

/// Looks for unused bytes at the end of mapped code.
enum CodeTail {
  static let page = UInt64(KernelSettings.pageSize)

  /// An address, aligned to 16, with `room` unused bytes.
  static func find(
    _ mappings: [MemoryMapping], _ memory: ProcessMemory, room: Int
  ) throws(MemoryError) -> Address? {
    for mapping in mappings where isCode(mapping) && mapping.inode != 0 {
      guard let header = mappings.first(where: { $0.inode == mapping.inode && $0.device == mapping.device }),
        header.offset == 0, header.isReadable,
        let end = try endOfSegment(in: mapping, header: header.range.start, memory)
      else { continue }
      let start = (end &+ 15) & ~15
      let pageEnd = (end &+ page &- 1) & ~(page - 1)
      if start &+ UInt64(room) <= pageEnd, mapping.range.contains(AddressRange(start, pageEnd)) {
        return start
      }
    }
    for mapping in mappings where isCode(mapping) && mapping.name == "[vdso]" {
      let margin = 64
      let tail = try memory.read(mapping.range.end &- UInt64(room + margin), count: room + margin)
      if tail.allSatisfy({ $0 == 0 }) { return (mapping.range.end &- UInt64(room)) & ~15 }
    }
    return nil
  }

  private static func isCode(_ mapping: MemoryMapping) -> Bool {
    mapping.isExecutable && mapping.isReadable && !mapping.isShared && mapping.range.count >= page
  }

  /// The address after the last byte of the executable segment that `mapping` shows.
  private static func endOfSegment(
    in mapping: MemoryMapping, header: Address, _ memory: ProcessMemory
  ) throws(MemoryError) -> Address? {
    let start = try memory.read(header, count: 64)
    guard start.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]) else { return nil }  // 64 bit, little-endian
    let offset = word(start, 32, 8)
    let size = word(start, 54, 2)
    let count = word(start, 56, 2)
    guard size == 56, count > 0, count <= 64, offset <= page &- 64, offset &+ size &* count <= page else {
      return nil
    }
    let table = try memory.read(header &+ offset, count: Int(size * count))
    var bias: UInt64?
    for index in 0..<Int(count) {
      let entry = index * 56
      guard word(table, entry, 4) == 1 else { continue }  // PT_LOAD
      let flags = word(table, entry + 4, 4)
      let fileOffset = word(table, entry + 8, 8)
      let virtual = word(table, entry + 16, 8)
      let fileSize = word(table, entry + 32, 8)
      let memorySize = word(table, entry + 40, 8)
      if bias == nil { bias = header &- (virtual & ~(page - 1)) }
      guard flags & 1 != 0, flags & 2 == 0, fileSize == memorySize, let bias else { continue }
      let end = bias &+ virtual &+ memorySize
      if fileOffset & ~(page - 1) == mapping.offset, mapping.range.contains(end &- 1) { return end }
    }
    return nil
  }

  private static func word(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
    (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64($1 * 8) }
  }
}
