import ApusCore

/// An event chunk's place in the file.
package struct EventChunk: Sendable, Hashable {
  /// Offset of the chunk's header.
  package var offset: UInt64
  /// The header.
  package var header: ChunkHeader
  /// Where the chunk with its register files is, and that one's header.
  package var registers: Payload?

  /// A chunk of another kind that belongs to it.
  package struct Payload: Sendable, Hashable {
    /// Offset of the chunk's header.
    package var offset: UInt64
    /// The header.
    package var header: ChunkHeader
  }
}

/// Reads a trace file, finished or not; see ``TraceFormat``.
///
/// Opening reads the file once, verifies every checksum, keeps the metadata and where the event chunks are.
/// The events themselves come from ``forEachRun(order:threads:_:)``, chunk by chunk, in bounded memory. What
/// is behind an incomplete last chunk is left out; damage ends the trace there, and is told in ``damage``.
package final class TraceReader: Sendable {
  /// The file.
  package let path: String
  /// Its size in bytes when it was opened.
  package let fileSize: UInt64
  /// The clock, with the last anchor that was found.
  package let clock: ClockDescription
  /// Everything but the events.
  package let contents: TraceContents
  /// The event chunks in the file's order.
  package let chunks: [EventChunk]
  /// Damage, in the file's order; more than one place only when resynchronising.
  package let damage: [TraceDamage]
  /// The end mark was found, and nothing is damaged: the trace is whole.
  package let isComplete: Bool

  /// Told how far a reading of the events is.
  package typealias Progress = @Sendable (_ done: UInt64, _ total: UInt64) -> Void

  let file: InputFile
  let progress: Progress?

  /// Opens and indexes a file. With `resynchronise`, whole chunks behind damage are used as well. `progress` is called
  /// while events are read, with two equal numbers at the end of each reading.
  package init(
    path: String, resynchronise: Bool = false, progress: Progress? = nil
  ) throws(TraceReadError) {
    self.path = path
    self.progress = progress
    do {
      file = try InputFile(opening: path)
      fileSize = try file.size()
    } catch {
      throw .system(path: path, error)
    }
    var indexer = TraceIndexer(path: path, file: file, fileSize: fileSize)
    try indexer.run(resynchronise: resynchronise)
    clock = indexer.clock
    contents = indexer.contents
    chunks = indexer.chunks
    damage = indexer.damage
    isComplete = indexer.sawEnd && indexer.damage.isEmpty
  }

  /// Calls in the trace: entries and tail calls, and what was counted at level count. Lost ones not included.
  package var calls: UInt64 {
    chunks.reduce(0) { $0 &+ UInt64($1.header.calls) }
      &+ contents.counts.values.reduce(0) { $1.values.reduce($0, &+) }
  }

  /// Events in the trace.
  package var events: UInt64 { chunks.reduce(0) { $0 &+ UInt64($1.header.events) } }

  /// Calls that were lost.
  package var lost: UInt64 { contents.lost.values.reduce(0, &+) }

  /// Whether any events have times.
  package var isTimed: Bool { chunks.contains { $0.header.flags.contains(.timed) } }

  /// Whether any calls were recorded with their registers.
  package var hasRegisters: Bool { chunks.contains { $0.header.flags.contains(.registers) } }

  /// Whether any events have returns.
  package var hasReturns: Bool { chunks.contains { $0.header.flags.contains(.returns) } }
}
