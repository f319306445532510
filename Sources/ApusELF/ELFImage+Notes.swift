import ApusCore

/// A note (gABI, "Note Section").
package struct ELFNote: Sendable, Hashable {
  /// Who defines the type: "GNU", "stapsdt".
  package var name: String
  /// What it is, in the sense of `name`.
  package var type: UInt32
  /// Its contents.
  package var descriptor: [UInt8]
}

/// Protections of control flow that all of a module's code says it supports. The process has them only if
/// every module, the kernel and the processor agree.
package struct ControlFlowProtection: OptionSet, Sendable, Hashable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }
  /// x86_64 IBT (`endbr64` at targets) or arm64 BTI.
  package static let branchTargets = ControlFlowProtection(rawValue: 1)
  /// x86_64 SHSTK or arm64 GCS: a hardware shadow stack.
  package static let shadowStack = ControlFlowProtection(rawValue: 2)
  /// arm64 PAC: signed return addresses.
  package static let signedReturns = ControlFlowProtection(rawValue: 4)
}

extension ELFImage {
  /// All notes that are loaded, or of all note sections if there are no segments.
  package func notes() throws(ELFError) -> [ELFNote] {
    var notes: [ELFNote] = []
    var read: UInt64 = 0
    let places =
      segments.isEmpty
      ? sections.filter { $0.type == SectionType.note }.map { ($0.fileOffset, $0.size, $0.alignment) }
      : segments.filter { $0.type == SegmentType.note }.map { ($0.fileOffset, $0.fileSize, $0.alignment) }
    for (offset, size, alignment) in places {
      read = try spend(size, after: read, on: "notes")
      try parseNotes(at: offset, size: size, alignment: alignment == 8 ? 8 : 4, into: &notes)
    }
    return notes
  }

  /// Adds `size` to what has been read, and throws if that is more than the file holds: tables that overlap.
  func spend(_ size: UInt64, after read: UInt64, on subject: String) throws(ELFError) -> UInt64 {
    let (sum, overflow) = read.addingReportingOverflow(size)
    guard !overflow, sum <= source.byteCount else {
      throw ELFError(.malformed("together they are larger than the file"), in: subject)
    }
    return sum
  }

  private func parseNotes(
    at offset: UInt64, size: UInt64, alignment: Int, into notes: inout [ELFNote]
  ) throws(ELFError) {
    try reading("notes") { () throws(ByteError) in
      var reader = ByteReader(try source.bytes(at: offset, count: size), baseOffset: offset)
      while reader.remaining >= 12 {
        let nameSize = try reader.readUInt32()
        let descriptorSize = try reader.readUInt32()
        let type = try reader.readUInt32()
        let name = try reader.readBytes(UInt64(nameSize))
        reader.align(to: alignment)
        let descriptor = try reader.readBytes(UInt64(descriptorSize))
        reader.align(to: alignment)
        notes.append(
          ELFNote(
            name: String(decoding: name.prefix { $0 != 0 }, as: UTF8.self), type: type, descriptor: descriptor
          ))
      }
    }
  }

  /// The build-id (NT_GNU_BUILD_ID), which names exactly this link.
  package func buildID() throws(ELFError) -> [UInt8]? {
    try notes().first { $0.name == "GNU" && $0.type == NoteType.buildID }?.descriptor
  }

  /// What NT_GNU_PROPERTY_TYPE_0 promises (Linux ABI extensions, "Program Property").
  package func controlFlowProtection() throws(ELFError) -> ControlFlowProtection {
    let wanted = architecture.machineConstants.protectionProperty
    var found: ControlFlowProtection = []
    guard wanted != 0 else { return found }
    for note in try notes() where note.name == "GNU" && note.type == NoteType.property {
      try reading("GNU properties") { () throws(ByteError) in
        var reader = ByteReader(note.descriptor)
        while reader.remaining >= 8 {
          let kind = try reader.readUInt32()
          var data = try reader.take(UInt64(try reader.readUInt32()))
          reader.align(to: 8)
          guard kind == wanted, data.remaining >= 4 else { continue }
          found.formUnion(protections(bits: try data.readUInt32()))
        }
      }
    }
    return found
  }

  private func protections(bits: UInt32) -> ControlFlowProtection {
    // x86: bit 0 IBT, bit 1 SHSTK. arm64: bit 0 BTI, bit 1 PAC, bit 2 GCS.
    let table: [(UInt32, ControlFlowProtection)] =
      architecture == .arm64
      ? [(1, .branchTargets), (2, .signedReturns), (4, .shadowStack)]
      : [(1, .branchTargets), (2, .shadowStack)]
    return table.reduce(into: []) { if bits & $1.0 != 0 { $0.formUnion($1.1) } }
  }
}
