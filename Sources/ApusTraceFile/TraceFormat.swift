/// The trace file, version 1. All numbers are little-endian; times are counter ticks.
///
/// ```
/// file header, 96 bytes                        chunk header, 64 bytes
///  0  8  89 'A' 'P' 'U' 'S' 0d 0a 1a            0  4  'A' 'C' 'H' 'K'
///  8  4  byte order: 01020304                   4  2  kind
/// 12  4  version: 1                             6  2  flags
/// 16  8  features a reader must know            8  4  process key
/// 24  8  features a reader may ignore          12  4  thread key
/// 32  4  size of this header                   16  8  sequence: 0, 1, 2 …
/// 36  4  clock kind (0 none, 1 x86 TSC,        24  8  time of the first event
///        2 arm generic timer, 3 ppc timebase)  32  8  time of the last event
/// 40  8  counter frequency, estimated, Hz      40  4  size of the payload, unpacked
/// 48  8  first anchor: counter                 44  4  size of the payload, as stored
/// 56  8  first anchor: CLOCK_MONOTONIC, ns     48  4  events
/// 64  8  first anchor: CLOCK_REALTIME, ns      52  4  calls among them (entries and tails)
/// 72 16  reserved, 0                           56  4  low half of XXH64 of the stored payload
/// 88  8  XXH64 of bytes 0–87                   60  4  low half of XXH64 of bytes 0–59
/// ```
///
/// A file header is followed by chunks, each its header and its payload, without gaps, and ends with an
/// `end` chunk. A file without one was cut short (or is still being written): everything up to its last whole
/// chunk is good. A reader skips kinds that it does not know, unless ``ChunkFlags/required`` is set.
///
/// **Records** (all kinds but events): the payload is a zstd frame, or plain if its stored size is its
/// unpacked size. It is a sequence of records, each a varint length and then its fields in order: varints
/// (LEB128) and strings (varint length, UTF-8). A reader ignores fields beyond those it knows. A later record
/// with the same key replaces an earlier one; numbers without a key (counts, lost calls, slow paths, sites)
/// add up.
///
/// **Events**: one thread's events, in order, understandable without any other chunk. Seven columns, each its
/// own zstd frame, or plain if its stored size is its unpacked size; first a directory of 7 × (unpacked size,
/// stored size), 4 bytes each. The columns:
///
/// 0. *tokens*. 0–247: so many predicted returns, then an entry. 249: a return that was not predicted. 250: a
///    tail call. 251, s: an extended event of subkind s. 252, n: n predicted returns, nothing more.
/// 1. – 3. *identifiers*, bits 0–7, 8–15, 16–23: one for each entry, unpredicted return, tail call, extended
///    event (its payload; for `unmatched` the function). A column that would be all zeros is empty.
/// 4. *time steps* since the event before, one for each event that is not a return. 0–247: ticks; 248 + n:
///    the next n + 1 bytes of column 6, little-endian, hold the step less 248. The first event of a chunk has
///    step 0.
/// 5. *time steps* of returns, predicted or not. Both time columns are empty in untimed chunks.
/// 6. *wide steps*.
///
/// A call on the regs path has an extended event of subkind 5 (`registers`) right before its own: the number of its register
/// file in the chunk of kind `payloads` that comes before the chunk.
///
/// **Prediction**: writer and reader keep 8 rings of the last 1024 functions entered, empty when a chunk
/// starts, the first one current. An entry pushes; a tail call replaces the newest (or pushes on an empty
/// ring); a return that names the newest is predicted, and pops it; another one pops down to its function, if
/// that is among the newest 32; `unwound` n and `gap` n pop n; `stack` i makes ring 1 + i mod 7 current.
package enum TraceFormat {
  /// The first eight bytes of a file.
  package static let magic: [UInt8] = [0x89, 0x41, 0x50, 0x55, 0x53, 0x0d, 0x0a, 0x1a]
  /// The first four bytes of a chunk, as a little-endian number.
  package static let chunkMagic: UInt32 = 0x4B48_4341
  /// As a little-endian writer stores it.
  package static let byteOrder: UInt32 = 0x0102_0304
  /// What this writer writes, and the newest that this reader reads.
  package static let version: UInt32 = 1
  /// The required features that this reader knows.
  package static let knownFeatures: UInt64 = 0
  /// The feature, which a reader may ignore, of a file with register files.
  package static let registersFeature: UInt64 = 1
  /// Size of the file's header.
  package static let headerSize = 96
  /// Size of a chunk's header.
  package static let chunkHeaderSize = 64
  /// A chunk of events holds no more than this.
  package static let maximumEvents = 1 << 18
  /// A payload is never larger than this, stored or unpacked: a reader refuses it.
  package static let maximumPayload = 64 << 20
  /// Columns in an event chunk.
  static let columnCount = 7
  /// Size of the directory before the columns.
  static let directorySize = columnCount * 8

  static let longestRun: UInt32 = 247
  static let returnToken: UInt8 = 249
  static let tailToken: UInt8 = 250
  static let extendedToken: UInt8 = 251
  static let runToken: UInt8 = 252
  static let widestStep: UInt64 = 248
  static let ringSize: UInt32 = 1024
  static let ringCount: UInt32 = 8
  static let searchDepth: UInt32 = 32
}

/// What a chunk holds. Other numbers belong to later versions.
package enum ChunkKind: UInt16, Sendable, CaseIterable {
  /// ``HostRecord``: the command and the machine.
  case host = 1
  /// ``ProcessRecord``s.
  case processes = 2
  /// ``ModuleRecord``s.
  case modules = 3
  /// ``FunctionRecord``s.
  case functions = 4
  /// ``ThreadRecord``s; once when a thread is seen first, and again when it has ended.
  case threads = 5
  /// Events of one thread.
  case events = 6
  /// ``FunctionCount``s: calls, at level count.
  case counts = 7
  /// ``FunctionCount``s: calls that were lost.
  case lost = 8
  /// ``SitesRecord``s.
  case sites = 9
  /// ``NamedCount``s: how often each slow path was taken.
  case slowPaths = 10
  /// One ``ClockAnchor``.
  case anchor = 11
  /// Nothing follows.
  case end = 12
  /// ``RegisterFiles`` of the calls in the next chunk, which is one of events.
  case payloads = 13
}

/// Flags of a chunk.
package struct ChunkFlags: OptionSet, Sendable, Hashable {
  /// Bits as stored.
  package var rawValue: UInt16
  /// Takes bits as stored.
  package init(rawValue: UInt16) { self.rawValue = rawValue }
  /// A reader that does not know the kind must refuse the file.
  package static let required = ChunkFlags(rawValue: 1)
  /// The events have times.
  package static let timed = ChunkFlags(rawValue: 2)
  /// The events have returns (level graph). Without it every entry stands alone (level entry).
  package static let returns = ChunkFlags(rawValue: 4)
  /// There are `stack` events among them.
  package static let stacks = ChunkFlags(rawValue: 8)
  /// There are `registers` events among them; the chunk before this one has the register files.
  package static let registers = ChunkFlags(rawValue: 16)
}
