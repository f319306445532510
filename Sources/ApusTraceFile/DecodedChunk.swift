import ApusCore

/// The events of one chunk, in memory.
@safe final class DecodedChunk {
  private var base: UnsafeMutablePointer<TraceEvent>?
  private var capacity = 0
  /// The chunk's header.
  private(set) var header = ChunkHeader(.events)
  /// Where it stands.
  private(set) var offset: UInt64 = 0
  /// Why there are no events, if there are none.
  private(set) var defect: TraceDefect?
  /// The register files of its calls, if they were asked for.
  private(set) var registers: RegisterFiles?

  deinit { unsafe base?.deallocate() }

  /// The events.
  var events: UnsafeBufferPointer<TraceEvent> {
    unsafe UnsafeBufferPointer(start: base, count: defect == nil ? Int(header.events) : 0)
  }

  /// Bytes of memory held.
  var size: Int { capacity * MemoryLayout<TraceEvent>.stride }

  /// Fills this with a chunk of the file.
  func fill(_ chunk: EventChunk, from file: InputFile, scale: ClockScale?, with tools: DecodingTools) {
    header = chunk.header
    offset = chunk.offset
    let count = max(1, Int(header.events))
    if capacity < count {
      unsafe base?.deallocate()
      unsafe base = UnsafeMutablePointer<TraceEvent>.allocate(capacity: count)
      capacity = count
    }
    guard let target = unsafe base else { return }
    let size = Int(header.storedSize)
    if tools.payload.size < size { tools.payload = Block(size: size + size / 2) }
    let payload = unsafe UnsafeMutableRawBufferPointer(start: tools.payload.base, count: size)
    do {
      let start = chunk.offset + UInt64(TraceFormat.chunkHeaderSize)
      guard unsafe try file.read(into: payload, at: start) == size else { return defect = .damagedPayload }
    } catch {
      return defect = .readFailed(error)
    }
    unsafe defect = tools.decoder.decode(header, UnsafeRawBufferPointer(payload), scale: scale, into: target)
    registers = nil
    if defect == nil, let payload = chunk.registers { readRegisters(payload, file, tools) }
  }

  private func readRegisters(_ chunk: EventChunk.Payload, _ file: InputFile, _ tools: DecodingTools) {
    let size = Int(chunk.header.storedSize)
    if tools.payload.size < size { tools.payload = Block(size: size + size / 2) }
    let stored = unsafe UnsafeMutableRawBufferPointer(start: tools.payload.base, count: size)
    do {
      let start = chunk.offset + UInt64(TraceFormat.chunkHeaderSize)
      guard unsafe try file.read(into: stored, at: start) == size else { return defect = .damagedPayload }
    } catch {
      return defect = .readFailed(error)
    }
    guard
      let bytes = unsafe tools.unpacker.unpack(
        UnsafeRawBufferPointer(stored), size: Int(chunk.header.rawSize))
    else {
      return defect = .badCompression
    }
    do throws(ByteError) {
      try TraceRecords.decode(RegisterFiles.self, bytes) { if $0.count > 0 { registers = $0 } }
    } catch { defect = .badRecord(.payloads) }
  }
}

/// What one decoding thread works with.
final class DecodingTools {
  let decoder = EventDecoder()
  let unpacker = Decompressor()
  var payload = Block(size: 1 << 20)
}
