package import ApusSystem

/// What is wrong with a file's bytes.
package enum TraceDefect: Sendable, Equatable {
  /// It does not start as a trace file.
  case notATrace
  /// The file's header is damaged.
  case damagedFileHeader
  /// It was written by a later version of Apus.
  case newerVersion(UInt32)
  /// It uses features that this reader does not know.
  case unknownFeatures(UInt64)
  /// It has the other byte order.
  case otherByteOrder
  /// The header of a chunk is damaged.
  case damagedChunkHeader
  /// The payload of a chunk does not have its checksum.
  case damagedPayload
  /// A chunk of a kind that this reader does not know, and that must be known to understand the file.
  case unknownRequiredChunk(UInt16)
  /// A chunk claims more than a chunk can hold.
  case oversizedChunk
  /// The columns of an event chunk do not fit together.
  case badColumns
  /// A zstd frame is not valid, or not of the size that it should be.
  case badCompression
  /// The tokens of an event chunk do not fit the other columns.
  case badEvents
  /// A record of a metadata chunk is not valid.
  case badRecord(ChunkKind)
  /// The operating system could not read the file any further.
  case readFailed(SystemError)

  /// For a sentence.
  package var explanation: String {
    switch self {
    case .notATrace: "this is not an Apus trace file"
    case .damagedFileHeader: "the file header is damaged"
    case .newerVersion(let version):
      "the file has format version \(version); this apus reads up to \(TraceFormat.version): use a newer apus"
    case .unknownFeatures(let bits):
      "the file uses features this apus does not know (bits \(String(bits, radix: 16))): use a newer apus"
    case .otherByteOrder: "the file has big-endian byte order"
    case .damagedChunkHeader: "a chunk header is damaged"
    case .damagedPayload: "a chunk is damaged: its checksum does not match"
    case .unknownRequiredChunk(let kind): "a chunk of kind \(kind) is needed and unknown: use a newer apus"
    case .oversizedChunk: "a chunk claims an impossible size"
    case .badColumns: "the columns of an event chunk do not fit together"
    case .badCompression: "a chunk cannot be unpacked"
    case .badEvents: "the events of a chunk are not valid"
    case .badRecord(let kind): "a record in a chunk of kind \(kind) is not valid"
    case .readFailed(let error): "the file cannot be read: \(error)"
    }
  }
}

/// Damage, and where: what stands before it is good.
package struct TraceDamage: Sendable, Equatable, CustomStringConvertible {
  /// Byte offset in the file of the chunk (or header) concerned.
  package var offset: UInt64
  /// What is wrong.
  package var defect: TraceDefect

  /// Damage at an offset.
  package init(offset: UInt64, defect: TraceDefect) {
    self.offset = offset
    self.defect = defect
  }

  /// One line.
  package var description: String { "at offset \(offset): \(defect.explanation)" }
}

/// Why a trace cannot be read.
package enum TraceReadError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The operating system refused.
  case system(path: String, SystemError)
  /// The file is not one that can be read at all.
  case unreadable(path: String, TraceDamage)

  /// One line: what, where, why.
  package var description: String {
    switch self {
    case .system(let path, let error): "\(path): cannot be read: \(error)"
    case .unreadable(let path, let damage): "\(path): \(damage.defect.explanation) (offset \(damage.offset))"
    }
  }
}

/// Why a trace cannot be written. What was written before it stays valid.
package struct TraceWriteError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Cause: Sendable, Equatable, CustomStringConvertible {
    /// The system call that failed, and why.
    case system(SystemError)
    /// Somebody else has locked it.
    case inUse

    package var description: String {
      switch self {
      case .system(let error): error.description
      case .inUse:
        "it is locked, most likely by another apus that writes to it; wait for its end, or name another file with -o"
      }
    }
  }

  /// The file.
  package var path: String
  package var cause: Cause
  /// Bytes of the file that are valid.
  package var validBytes: UInt64

  /// One line: what, where, why.
  package var description: String {
    validBytes == 0
      ? "\(path): cannot be written: \(cause)"
      : "\(path): cannot be written: \(cause); the first \(validBytes) bytes are a valid trace"
  }
}
