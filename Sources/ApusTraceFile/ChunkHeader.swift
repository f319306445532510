/// The 64 bytes before a chunk's payload; see ``TraceFormat``.
package struct ChunkHeader: Sendable, Hashable {
  /// The kind as stored; ``knownKind`` if it is one of ours.
  package var kind: UInt16
  /// Flags.
  package var flags: ChunkFlags
  /// Key of the process it belongs to, or 0.
  package var process: UInt32
  /// Key of the thread it belongs to, or 0.
  package var thread: UInt32
  /// 0 for the file's first chunk, then one more for each.
  package var sequence: UInt64
  /// Counter at the first event.
  package var firstTime: UInt64
  /// Counter at the last event.
  package var lastTime: UInt64
  /// Bytes of the payload, unpacked.
  package var rawSize: UInt32
  /// Bytes of the payload in the file.
  package var storedSize: UInt32
  /// How many events.
  package var events: UInt32
  /// How many calls (entries and tail calls) among them.
  package var calls: UInt32
  /// Low half of XXH64 of the stored payload.
  package var checksum: UInt32

  /// A chunk of a kind; the rest is zero until it is filled in.
  init(_ kind: ChunkKind, flags: ChunkFlags = [], process: UInt32 = 0, thread: UInt32 = 0) {
    self.kind = kind.rawValue
    self.flags = flags
    self.process = process
    self.thread = thread
    sequence = 0
    firstTime = 0
    lastTime = 0
    rawSize = 0
    storedSize = 0
    events = 0
    calls = 0
    checksum = 0
  }

  /// The kind, or nil for one of a later version.
  package var knownKind: ChunkKind? { ChunkKind(rawValue: kind) }

  /// Stores the header at `base`, which has room for 64 bytes.
  func store(at base: UnsafeMutableRawPointer) {
    unsafe ApusTraceFile.store(TraceFormat.chunkMagic, base, 0)
    unsafe ApusTraceFile.store(kind, base, 4)
    unsafe ApusTraceFile.store(flags.rawValue, base, 6)
    unsafe ApusTraceFile.store(process, base, 8)
    unsafe ApusTraceFile.store(thread, base, 12)
    unsafe ApusTraceFile.store(sequence, base, 16)
    unsafe ApusTraceFile.store(firstTime, base, 24)
    unsafe ApusTraceFile.store(lastTime, base, 32)
    unsafe ApusTraceFile.store(rawSize, base, 40)
    unsafe ApusTraceFile.store(storedSize, base, 44)
    unsafe ApusTraceFile.store(events, base, 48)
    unsafe ApusTraceFile.store(calls, base, 52)
    unsafe ApusTraceFile.store(checksum, base, 56)
    let sum = unsafe Checksum.short(UnsafeRawBufferPointer(start: base, count: 60))
    unsafe ApusTraceFile.store(sum, base, 60)
  }

  /// Loads a header from 64 bytes at `base`; nil if they are not one, or damaged.
  init?(loadingFrom base: UnsafeRawPointer) {
    guard unsafe load(UInt32.self, base, 0) == TraceFormat.chunkMagic,
      unsafe load(UInt32.self, base, 60) == Checksum.short(UnsafeRawBufferPointer(start: base, count: 60))
    else { return nil }
    unsafe kind = load(UInt16.self, base, 4)
    unsafe flags = ChunkFlags(rawValue: load(UInt16.self, base, 6))
    unsafe process = load(UInt32.self, base, 8)
    unsafe thread = load(UInt32.self, base, 12)
    unsafe sequence = load(UInt64.self, base, 16)
    unsafe firstTime = load(UInt64.self, base, 24)
    unsafe lastTime = load(UInt64.self, base, 32)
    unsafe rawSize = load(UInt32.self, base, 40)
    unsafe storedSize = load(UInt32.self, base, 44)
    unsafe events = load(UInt32.self, base, 48)
    unsafe calls = load(UInt32.self, base, 52)
    unsafe checksum = load(UInt32.self, base, 56)
  }
}
