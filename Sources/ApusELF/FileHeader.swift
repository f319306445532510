import ApusCore

/// The file header, `Elf64_Ehdr`, checked, and the tables that it leads to (gABI, "ELF Header").
struct FileHeader {
  var architecture: Architecture
  var type: ELFType
  private var fields: Fields

  /// The fields behind `e_ident`.
  private struct Fields {
    var type: UInt16
    var machine: UInt16
    var entryPoint: Address
    var segmentTable: UInt64
    var sectionTable: UInt64
    var segmentSize: UInt16
    var segmentCount: UInt16
    var sectionSize: UInt16
    var sectionCount: UInt16
    var nameSection: UInt16

    init(_ bytes: [UInt8]) throws(ByteError) {
      var reader = ByteReader(bytes)
      try reader.skip(16)
      type = try reader.readUInt16()
      machine = try reader.readUInt16()
      try reader.skip(4)
      entryPoint = try reader.readUInt64()
      segmentTable = try reader.readUInt64()
      sectionTable = try reader.readUInt64()
      // e_flags and e_ehsize.
      try reader.skip(6)
      segmentSize = try reader.readUInt16()
      segmentCount = try reader.readUInt16()
      sectionSize = try reader.readUInt16()
      sectionCount = try reader.readUInt16()
      nameSection = try reader.readUInt16()
    }
  }

  init(_ source: any ByteSource) throws(ELFError) {
    let subject = "file header"
    let size = UInt64(RecordSize.header)
    guard source.byteCount >= 4 else { throw ELFError(.notELF, in: subject) }
    let bytes = try reading(subject) { () throws(ByteError) in
      try source.bytes(at: 0, count: min(size, source.byteCount))
    }
    // e_ident: magic, class, byte order, version.
    guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw ELFError(.notELF, in: subject) }
    guard bytes.count == size else {
      throw ELFError(
        .bytes(ByteError(.pastEnd(needed: size, available: source.byteCount), at: 0)), in: subject)
    }
    guard bytes[4] == 2 else {
      throw ELFError(.unsupported(bytes[4] == 1 ? "32-bit" : "unknown-class"), in: subject)
    }
    guard bytes[5] == 1 else {
      throw ELFError(.unsupported(bytes[5] == 2 ? "big-endian" : "unknown-byte-order"), in: subject)
    }
    guard bytes[6] == 1 else { throw ELFError(.malformed("version \(bytes[6])"), in: subject) }

    let fields = try reading(subject) { () throws(ByteError) in try Fields(bytes) }
    guard let architecture = Architecture(machine: fields.machine) else {
      throw ELFError(.unsupported(machineName(fields.machine)), in: subject)
    }
    guard let type = ELFType(rawValue: fields.type) else {
      throw ELFError(.malformed("type \(fields.type)"), in: subject)
    }
    guard type != .core else { throw ELFError(.unsupported("core"), in: subject) }
    self.architecture = architecture
    self.type = type
    self.fields = fields
  }

  /// `e_entry`.
  var entryPoint: Address { fields.entryPoint }

  /// Section header 0, which holds the counts that do not fit 16 bits; nil if there are no section headers.
  func firstSection(_ source: any ByteSource) throws(ELFError) -> RawSectionHeader? {
    guard fields.sectionTable != 0 else { return nil }
    guard fields.sectionSize == RecordSize.sectionHeader else {
      throw ELFError(
        .malformed("e_shentsize is \(fields.sectionSize), not \(RecordSize.sectionHeader)"), in: "file header"
      )
    }
    return try reading("section header 0") { () throws(ByteError) in
      var reader = ByteReader(
        try source.bytes(at: fields.sectionTable, count: UInt64(RecordSize.sectionHeader)),
        baseOffset: fields.sectionTable)
      return try RawSectionHeader(&reader)
    }
  }

  func readSegments(
    _ source: any ByteSource, firstSection: RawSectionHeader?
  ) throws(ELFError) -> [ELFSegment] {
    // PN_XNUM: the number stands in section header 0.
    let count =
      fields.segmentCount == 0xffff ? UInt64(firstSection?.info ?? 0xffff) : UInt64(fields.segmentCount)
    guard count > 0, fields.segmentTable != 0 else { return [] }
    guard fields.segmentSize == RecordSize.programHeader else {
      throw ELFError(
        .malformed("e_phentsize is \(fields.segmentSize), not \(RecordSize.programHeader)"), in: "file header"
      )
    }
    return try reading("program headers") { () throws(ByteError) in
      var reader = ByteReader(
        try source.bytes(at: fields.segmentTable, count: count * UInt64(RecordSize.programHeader)),
        baseOffset: fields.segmentTable)
      var segments: [ELFSegment] = []
      segments.reserveCapacity(Int(count))
      for _ in 0..<count { segments.append(try ELFSegment(&reader)) }
      return segments
    }
  }

  func readSections(
    _ source: any ByteSource, firstSection: RawSectionHeader?
  ) throws(ELFError) -> [ELFSection] {
    guard let firstSection else { return [] }
    // More than 0xfeff sections: number and name section stand in section header 0.
    let count = fields.sectionCount == 0 ? firstSection.size : UInt64(fields.sectionCount)
    let names =
      UInt32(fields.nameSection) == SectionIndex.extended ? firstSection.link : UInt32(fields.nameSection)
    guard count <= source.byteCount / UInt64(RecordSize.sectionHeader) else {
      throw ELFError(.malformed("\(count) sections do not fit the file"), in: "section headers")
    }
    let raw = try reading("section headers") { () throws(ByteError) in
      var reader = ByteReader(
        try source.bytes(at: fields.sectionTable, count: count * UInt64(RecordSize.sectionHeader)),
        baseOffset: fields.sectionTable)
      var headers: [RawSectionHeader] = []
      headers.reserveCapacity(Int(count))
      for _ in 0..<count { headers.append(try RawSectionHeader(&reader)) }
      return headers
    }
    return try ELFSection.named(raw, nameSection: names, type: type, source)
  }
}
