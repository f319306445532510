import ApusCore

/// Walks a file from its start: verifies, collects metadata, notes where events are.
struct TraceIndexer {
  private let path: String
  private let file: InputFile
  private let fileSize: UInt64
  private var buffer = Block(size: 1 << 20)
  private let unpacker = Decompressor()
  private(set) var clock = ClockDescription(
    kind: .none, frequency: 0, first: ClockAnchor(counter: 0, monotonic: 0, realtime: 0))
  private(set) var contents = TraceContents()
  private(set) var chunks: [EventChunk] = []
  private(set) var damage: [TraceDamage] = []
  private(set) var sawEnd = false
  /// The last chunk of payloads.
  private var payload: EventChunk.Payload?

  init(path: String, file: InputFile, fileSize: UInt64) {
    self.path = path
    self.file = file
    self.fileSize = fileSize
  }

  mutating func run(resynchronise: Bool) throws(TraceReadError) {
    var offset = try readFileHeader()
    while offset < fileSize {
      switch try readChunk(at: offset) {
      case .next(let next): offset = next
      case .incomplete: offset = fileSize
      case .damaged(let defect):
        damage.append(TraceDamage(offset: offset, defect: defect))
        guard resynchronise, let next = try findChunk(after: offset) else { offset = fileSize; break }
        offset = next
      }
      if sawEnd { break }
    }
    clock.last = contents.lastAnchor
  }

  private func read(_ count: Int, at offset: UInt64) throws(TraceReadError) -> Bool {
    let target = unsafe UnsafeMutableRawBufferPointer(start: buffer.base, count: count)
    do {
      return unsafe try file.read(into: target, at: offset) == count
    } catch {
      throw .system(path: path, error)
    }
  }

  private mutating func readFileHeader() throws(TraceReadError) -> UInt64 {
    func refuse(_ defect: TraceDefect, at offset: UInt64) -> TraceReadError {
      .unreadable(path: path, TraceDamage(offset: offset, defect: defect))
    }
    let base = unsafe UnsafeRawPointer(buffer.base)
    let size = TraceFormat.headerSize
    guard try read(size, at: 0) else { throw refuse(.notATrace, at: 0) }
    for (index, byte) in TraceFormat.magic.enumerated()
    where unsafe load(UInt8.self, base, index) != byte {
      throw refuse(.notATrace, at: 0)
    }
    let order = unsafe load(UInt32.self, base, 8)
    guard order != TraceFormat.byteOrder.byteSwapped else { throw refuse(.otherByteOrder, at: 8) }
    let version = unsafe load(UInt32.self, base, 12)
    // A newer header may have another size and another place for its checksum.
    if order == TraceFormat.byteOrder, version > TraceFormat.version, version < 1 << 16 {
      throw refuse(.newerVersion(version), at: 12)
    }
    guard
      unsafe load(UInt64.self, base, 88) == Checksum.xxh64(UnsafeRawBufferPointer(start: base, count: 88)),
      order == TraceFormat.byteOrder, version == TraceFormat.version,
      unsafe load(UInt32.self, base, 32) == UInt32(size)
    else { throw refuse(.damagedFileHeader, at: 0) }
    let unknown = unsafe load(UInt64.self, base, 16) & ~TraceFormat.knownFeatures
    guard unknown == 0 else { throw refuse(.unknownFeatures(unknown), at: 16) }
    clock = unsafe ClockDescription(
      kind: ClockDescription.Kind(rawValue: load(UInt32.self, base, 36)) ?? .none,
      frequency: load(UInt64.self, base, 40),
      first: ClockAnchor(
        counter: load(UInt64.self, base, 48), monotonic: load(UInt64.self, base, 56),
        realtime: load(UInt64.self, base, 64)))
    return UInt64(size)
  }

  private enum Step {
    case next(UInt64)
    case incomplete
    case damaged(TraceDefect)
  }

  private mutating func readChunk(at offset: UInt64) throws(TraceReadError) -> Step {
    let headerSize = UInt64(TraceFormat.chunkHeaderSize)
    guard try read(Int(headerSize), at: offset) else { return .incomplete }
    guard let header = unsafe ChunkHeader(loadingFrom: buffer.base) else {
      return .damaged(.damagedChunkHeader)
    }
    let size = Int(header.storedSize)
    guard size <= TraceFormat.maximumPayload, Int(header.rawSize) <= TraceFormat.maximumPayload,
      Int(header.events) <= TraceFormat.maximumEvents
    else { return .damaged(.oversizedChunk) }
    let next = offset + headerSize + UInt64(size)
    guard next <= fileSize else { return .incomplete }
    if buffer.size < size { buffer = Block(size: size) }
    guard try read(size, at: offset + headerSize) else { return .incomplete }
    let payload = unsafe UnsafeRawBufferPointer(start: buffer.base, count: size)
    guard unsafe Checksum.short(payload) == header.checksum else { return .damaged(.damagedPayload) }
    guard let kind = header.knownKind else {
      if header.flags.contains(.required) {
        throw .unreadable(
          path: path, TraceDamage(offset: offset, defect: .unknownRequiredChunk(header.kind)))
      }
      return .next(next)
    }
    switch kind {
    case .events:
      var chunk = EventChunk(offset: offset, header: header)
      if header.flags.contains(.registers), let before = self.payload, before.header.thread == header.thread,
        before.header.sequence &+ 1 == header.sequence
      {
        chunk.registers = before
      }
      chunks.append(chunk)
    case .payloads: self.payload = EventChunk.Payload(offset: offset, header: header)
    case .end: sawEnd = true
    default:
      guard let bytes = unsafe unpacker.unpack(payload, size: Int(header.rawSize)) else {
        return .damaged(.badCompression)
      }
      do {
        try contents.take(kind, header, bytes)
      } catch {
        return .damaged(.badRecord(kind))
      }
    }
    return .next(next)
  }

  /// The next offset at which a whole chunk header stands.
  private func findChunk(after offset: UInt64) throws(TraceReadError) -> UInt64? {
    var start = offset + 1
    let window = 1 << 20
    while start + UInt64(TraceFormat.chunkHeaderSize) <= fileSize {
      let size = Int(min(UInt64(window), fileSize - start))
      guard try read(size, at: start) else { return nil }
      var at = 0
      while at + TraceFormat.chunkHeaderSize <= size {
        if unsafe ChunkHeader(loadingFrom: buffer.base + at) != nil { return start + UInt64(at) }
        at += 1
      }
      start += UInt64(at)
    }
    return nil
  }
}
