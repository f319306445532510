internal import ApusCore
internal import ApusSystem
internal import Glibc

extension RemoteTracer {
  /// Makes a gate in the process of a stopped thread: a page of its own for the code, which is never writable and
  /// executable at once, and one for payloads. Two calls are made for that at a system call instruction of the process's.
  package func installGate(on thread: ThreadID) throws(TraceError) -> RemoteCallGate {
    let process = try process(of: thread)
    let memory = try memory(of: process)
    let vector = try auxiliaryVector(of: thread)
    let page = vector[UInt64(AT_PAGESZ)] ?? 4096
    guard (4096...(1 << 20)).contains(page), page & (page - 1) == 0 else {
      throw .noGate(process: process, why: "its page size is said to be \(page) bytes")
    }
    guard let seed = try findSystemCall(memory, vector) else {
      throw .noGate(process: process, why: "no system call instruction was found in its code")
    }
    let original = try registers(of: thread)
    func call(_ call: RemoteSystemCall, _ arguments: [UInt64]) throws(TraceError) -> UInt64 {
      let result = try perform(machine.number(of: call), arguments, at: seed, on: thread, from: original)
      if result < 0 && result >= -4095 { throw .remoteCall(call, errno: Errno(rawValue: Int32(-result))) }
      return UInt64(bitPattern: result)
    }
    let writable = UInt64(PROT_READ | PROT_WRITE)
    let start = try call(.mmap, [0, 2 * page, writable, UInt64(MAP_PRIVATE | MAP_ANONYMOUS), .max, 0])
    do throws(MemoryError) {
      try memory.write(machine.gateCode, at: start)
      try memory.write(machine.counterCode, at: start + Self.counterOffset)
    } catch { throw .memory(error) }
    _ = try call(.mprotect, [start, page, UInt64(PROT_READ | PROT_EXEC)])
    return RemoteCallGate(address: start, stack: AddressRange(start + page, start + 2 * page))
  }

  /// The auxiliary vector of a thread's process: values by type.
  package func auxiliaryVector(of thread: ThreadID) throws(TraceError) -> [UInt64: UInt64] {
    let record = try requireStopped(thread)
    let bytes: [UInt8]
    do throws(RemoteError) {
      try server.select(record.id)
      bytes = try server.transfer("auxv", "")
    } catch { throw .remote(error) }
    var reader = ByteReader(bytes)
    var vector: [UInt64: UInt64] = [:]
    do throws(ByteError) {
      while reader.remaining >= 16 {
        let type = try reader.readUInt64()
        let value = try reader.readUInt64()
        if type == 0 { break }
        if vector[type] == nil { vector[type] = value }
      }
    } catch { throw .remote(.malformed(what: "auxiliary vector", why: "\(error)")) }
    return vector
  }

  /// The path of a process's program; nil where the server does not tell.
  package func programPath(of process: ProcessID) throws(TraceError) -> String? {
    guard server.features.has("qXfer:exec-file:read") else { return nil }
    do throws(RemoteError) {
      return String(
        decoding: try server.transfer("exec-file", String(process, radix: 16)), as: UTF8.self)
    } catch { throw .remote(error) }
  }

  /// A system call instruction with a harmless one behind it: in the vDSO, the dynamic loader, or the program.
  private func findSystemCall(
    _ memory: ProcessMemory, _ vector: [UInt64: UInt64]
  ) throws(TraceError) -> Address? {
    var images: [Address] = []
    if let base = vector[UInt64(AT_BASE)], base != 0 { images.append(base) }
    if let headers = vector[UInt64(AT_PHDR)] { images.append(headers & ~4095) }
    if let shared = vector[UInt64(AT_SYSINFO_EHDR)] { images.append(shared) }
    for image in images {
      do throws(MemoryError) {
        for range in try codeRanges(of: image, memory) {
          if let found = try search(range, memory) { return found }
        }
      } catch {
        // One image may be unreadable and the next one not; a broken connection is another matter.
        if case .remote(let reason) = error.reason { throw .remote(reason) }
      }
    }
    return nil
  }

  /// The executable segments of the ELF image that is mapped at `start`, by its own headers.
  private func codeRanges(of start: Address, _ memory: ProcessMemory) throws(MemoryError) -> [AddressRange] {
    let header = try memory.read(start, count: 64)
    guard header.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]) else { return [] }
    func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
      bytes[offset..<(offset + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    let offset = number(header, 32, 8)  // e_phoff
    let count = Int(min(number(header, 56, 2), 64))  // e_phnum
    guard number(header, 54, 2) == 56, offset < 4096, count > 0 else { return [] }
    let table = try memory.read(start &+ offset, count: count * 56)
    let loaded = (0..<count).map { Array(table[($0 * 56)..<($0 * 56 + 56)]) }
      .filter { number($0, 0, 4) == 1 }  // PT_LOAD
    guard let first = loaded.first(where: { number($0, 8, 8) == 0 }) else { return [] }
    let bias = start &- number(first, 16, 8)
    return loaded.filter { number($0, 4, 4) & 1 != 0 }.map {
      let from = bias &+ number($0, 16, 8)
      return AddressRange(from, from &+ min(number($0, 32, 8), 8 << 20))
    }
  }

  private func search(_ range: AddressRange, _ memory: ProcessMemory) throws(MemoryError) -> Address? {
    let wanted = machine.systemCallInstruction
    let piece: UInt64 = 65536
    let overlap: UInt64 = 16
    var at = range.start
    while at < range.end {
      let bytes = try memory.read(at, count: Int(min(piece, range.end - at)))
      var index = 0
      while index + wanted.count + 4 <= bytes.count {
        if bytes[index..<(index + wanted.count)].elementsEqual(wanted),
          machine.isHarmless(bytes[(index + wanted.count)...])
        {
          return at + UInt64(index)
        }
        index += machine.instructionAlignment
      }
      at += max(UInt64(bytes.count), overlap + 1) - (bytes.count > Int(overlap) ? overlap : 0)
    }
    return nil
  }
}
