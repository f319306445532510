import ApusProbe
import ApusTraceFile
import Testing

@Suite struct DamageTests {
  /// A small trace with several chunks, and its events in the file's order.
  static func small() throws -> (bytes: [UInt8], events: [TraceEvent]) {
    let file = TemporaryFile()
    var generator = SeededGenerator(seed: 99)
    let writer = try TraceWriter(path: file.path, clock: testClock)
    try writer.add(functions: [FunctionRecord(id: 1, module: 1, address: 1, size: 1, name: "f")])
    var start: UInt64 = 1 << 40
    for thread in [1, 2, 1] as [UInt32] {
      let stream = RandomStream(count: 60, start: start, using: &generator)
      start = stream.time + 100
      try writer.append(stream.words, thread: thread, drainCounter: stream.time + 50)
      try writer.flush()
    }
    try writer.finish(anchor: nil)
    return (try file.read(), order(try TraceReader(path: file.path)))
  }

  static func order(_ reader: TraceReader) -> [TraceEvent] {
    var events: [TraceEvent] = []
    _ = reader.forEachRun(order: .file, inTicks: true) { (run: EventRun) in unsafe events += Array(run.events)
    }
    return events
  }

  @Test func cutAnywhereEverythingBeforeIsRead() throws {
    let (bytes, events) = try Self.small()
    let file = TemporaryFile()
    var counts: Set<Int> = []
    for length in bytes.indices {
      try file.write(Array(bytes[..<length]))
      guard length >= TraceFormat.headerSize else {
        #expect(throws: TraceReadError.self) { try TraceReader(path: file.path) }
        continue
      }
      let reader = try TraceReader(path: file.path)
      let got = Self.order(reader)
      #expect(!reader.isComplete)
      #expect(reader.damage.isEmpty)
      #expect(got == Array(events.prefix(got.count)))
      counts.insert(got.count)
    }
    // Nothing, one chunk, two, three.
    #expect(counts.count == 4)
    #expect(counts.contains(events.count))
  }

  @Test(arguments: [0x01, 0x80, 0xFF] as [UInt8])
  func damageAnywhereIsNoticedAndEverythingBeforeIsRead(_ flip: UInt8) throws {
    let (bytes, events) = try Self.small()
    let file = TemporaryFile()
    for at in bytes.indices {
      var damaged = bytes
      damaged[at] ^= flip
      try file.write(damaged)
      guard let reader = try? TraceReader(path: file.path) else {
        // Only the file's header refuses the whole file.
        #expect(at < TraceFormat.headerSize)
        continue
      }
      let got = Self.order(reader)
      #expect(!reader.isComplete, "byte \(at)")
      #expect(reader.damage.count == 1, "byte \(at)")
      #expect(got == Array(events.prefix(got.count)))
      if let damage = reader.damage.first {
        #expect(damage.offset <= UInt64(at))
        let whole = try #require(try chunkOffsets(bytes).last { $0 <= at })
        #expect(damage.offset == UInt64(whole))
      }
    }
  }

  @Test func resynchronisingFindsTheChunksBehind() throws {
    let (bytes, events) = try Self.small()
    let file = TemporaryFile()
    let offsets = try chunkOffsets(bytes)
    for at in TraceFormat.headerSize..<bytes.count {
      var damaged = bytes
      damaged[at] ^= 0x10
      try file.write(damaged)
      let reader = try TraceReader(path: file.path, resynchronise: true)
      #expect(reader.damage.count == 1)
      #expect(!reader.isComplete)
      let chunk = try #require(offsets.lastIndex { $0 <= at })
      // Chunks 1, 2 and 3 are the events.
      let missing = (1...3).contains(chunk) ? 1 : 0
      #expect(reader.chunks.count == 3 - missing)
      if missing == 0 { #expect(Self.order(reader) == events) }
    }
  }

  /// Payloads that are wrong although their checksums are right: a file that was made to do harm.
  @Test(arguments: [UInt64](1...4))
  func forgedPayloadsNeverTrap(_ seed: UInt64) throws {
    let (bytes, _) = try Self.small()
    let offsets = try chunkOffsets(bytes)
    var generator = SeededGenerator(seed: seed)
    let file = TemporaryFile()
    for _ in 0..<1500 {
      var forged = bytes
      let chunk = try #require(offsets.randomElement(using: &generator))
      let size = Int(word(forged, chunk + 44))
      for _ in 0..<Int.random(in: 1..<4, using: &generator) {
        let from = Bool.random(using: &generator) && size > 0 ? 64..<64 + min(size, 200) : 6..<56
        // Not the stored size: the next chunk would not be found.
        let at = chunk + Int.random(in: from, using: &generator)
        guard !(chunk + 44..<chunk + 48).contains(at) else { continue }
        forged[at] = UInt8.random(in: 0...255, using: &generator)
      }
      seal(&forged, chunk: chunk)
      try file.write(forged)
      do {
        let reader = try TraceReader(path: file.path)
        for order in [EventOrder.file, .time, .stacks] {
          _ = reader.forEachRun(order: order) { (run: EventRun) in #expect(unsafe run.events.count <= 1 << 18)
          }
        }
      } catch {
        // Refusals are fine.
      }
    }
  }

  @Test func unknownChunksAreSkippedUnlessRequired() throws {
    let (bytes, events) = try Self.small()
    let file = TemporaryFile()
    // The first chunk, of functions, becomes one of a later version.
    var changed = bytes
    changed[TraceFormat.headerSize + 4] = 99
    seal(&changed, chunk: TraceFormat.headerSize)
    try file.write(changed)
    let reader = try TraceReader(path: file.path)
    #expect(reader.isComplete)
    #expect(Self.order(reader) == events)
    changed[TraceFormat.headerSize + 6] = 1
    seal(&changed, chunk: TraceFormat.headerSize)
    try file.write(changed)
    #expect(throws: TraceReadError.self) { try TraceReader(path: file.path) }
  }

  @Test(
    arguments: [
      (12, 2, TraceDefect.newerVersion(2)), (16, 4, .unknownFeatures(4)), (0, 1, .notATrace),
      (50, 1, .damagedFileHeader),
    ] as [(Int, UInt8, TraceDefect)])
  func foreignFilesAreRefusedWithTheReason(_ at: Int, _ value: UInt8, _ defect: TraceDefect) throws {
    var (bytes, _) = try Self.small()
    bytes[at] = value
    if at == 16 {
      let sum = unsafe bytes.withUnsafeBytes {
        unsafe Checksum.xxh64(UnsafeRawBufferPointer(rebasing: $0[..<88]))
      }
      for index in 0..<8 { bytes[88 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
    }
    let file = TemporaryFile()
    try file.write(bytes)
    do {
      _ = try TraceReader(path: file.path)
      Issue.record("read")
    } catch {
      guard case .unreadable(_, let damage) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(damage.defect == defect)
    }
  }

  @Test func aFileCanBeReadWhileItIsWritten() throws {
    let file = TemporaryFile()
    let writer = try TraceWriter(path: file.path, clock: testClock)
    for round in 1...20 as ClosedRange<UInt64> {
      let words = (0..<100).map { EventWord(.entry, function: 1, time: round * 1000 + $0).rawValue }
      try writer.append(words, drainCounter: round * 1000 + 100)
      #expect(try TraceReader(path: file.path).events == (round - 1) * 100)
      try writer.flush()
      let reader = try TraceReader(path: file.path)
      #expect(reader.events == round * 100)
      #expect(!reader.isComplete)
    }
    try writer.finish(anchor: nil)
    #expect(try TraceReader(path: file.path).isComplete)
  }

  // MARK: Bytes

  private func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
  }

  private func chunkOffsets(_ bytes: [UInt8]) throws -> [Int] {
    var offsets: [Int] = []
    var at = TraceFormat.headerSize
    while at < bytes.count {
      try #require(word(bytes, at) == TraceFormat.chunkMagic)
      offsets.append(at)
      at += 64 + Int(word(bytes, at + 44))
    }
    return offsets
  }

  /// Makes a chunk's checksums right.
  private func seal(_ bytes: inout [UInt8], chunk: Int) {
    func put(_ sum: UInt64, _ at: Int) {
      for index in 0..<4 { bytes[at + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
    }
    func sum(_ range: Range<Int>) -> UInt64 {
      unsafe bytes.withUnsafeBytes { unsafe Checksum.xxh64(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
    put(sum(chunk + 64..<chunk + 64 + Int(word(bytes, chunk + 44))), chunk + 56)
    put(sum(chunk..<chunk + 60), chunk + 60)
  }
}
