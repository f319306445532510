package import ApusCore

/// A section header as it stands in the file, `Elf64_Shdr` (gABI, "Sections").
struct RawSectionHeader {
  var name: UInt32
  var type: UInt32
  var flags: UInt64
  var address: Address
  var fileOffset: UInt64
  var size: UInt64
  var link: UInt32
  var info: UInt32
  var alignment: UInt64
  var entrySize: UInt64

  init(_ reader: inout ByteReader) throws(ByteError) {
    name = try reader.readUInt32()
    type = try reader.readUInt32()
    flags = try reader.readUInt64()
    address = try reader.readUInt64()
    fileOffset = try reader.readUInt64()
    size = try reader.readUInt64()
    link = try reader.readUInt32()
    info = try reader.readUInt32()
    alignment = try reader.readUInt64()
    entrySize = try reader.readUInt64()
  }
}

/// A section.
package struct ELFSection: Sendable, Hashable {
  /// Its name; several sections may have the same.
  package var name: String
  /// Its number.
  package var index: Int
  /// `sh_type`.
  package var type: UInt32
  /// `sh_flags`.
  package var flags: UInt64
  /// Where it stands in memory.
  ///
  /// In a linked file this is `sh_addr`. In a relocatable file, whose sections all say 0, it is a place that
  /// ``ELFImage`` gives to each loaded section, one behind the other as a linker would, so that an address
  /// identifies a place there too.
  package var address: Address
  /// `sh_offset`.
  package var fileOffset: UInt64
  /// `sh_size`: bytes; in a section without contents (SHT_NOBITS), bytes of memory.
  package var size: UInt64
  /// `sh_link`: the number of a section that belongs to this one.
  package var link: UInt32
  /// `sh_info`.
  package var info: UInt32
  /// `sh_addralign`.
  package var alignment: UInt64
  /// `sh_entsize`: the size of each record, if it is a table.
  package var entrySize: UInt64

  /// Whether it has no bytes in the file.
  package var isNoBits: Bool { type == SectionType.noBits || type == SectionType.null }
  /// Whether it is part of the process.
  package var isAllocated: Bool { flags & SectionFlag.alloc != 0 }
  /// Whether it is machine code of the process.
  package var isText: Bool {
    flags & (SectionFlag.alloc | SectionFlag.execute) == SectionFlag.alloc | SectionFlag.execute && !isNoBits
  }
  /// Its addresses; cut off at the end of the address space.
  package var addresses: AddressRange {
    AddressRange(address, address.addingReportingOverflow(size).overflow ? .max : address + size)
  }

  private init(_ raw: RawSectionHeader, index: Int, name: String) {
    self.name = name
    self.index = index
    type = raw.type
    flags = raw.flags
    address = raw.address
    fileOffset = raw.fileOffset
    size = raw.size
    link = raw.link
    info = raw.info
    alignment = raw.alignment
    entrySize = raw.entrySize
  }

  /// The sections of a file with their names and, in a relocatable file, their places.
  static func named(
    _ raw: [RawSectionHeader], nameSection: UInt32, type: ELFType, _ source: any ByteSource
  ) throws(ELFError) -> [ELFSection] {
    var names: StringTable?
    if nameSection != SectionIndex.undefined {
      guard nameSection < raw.count else {
        throw ELFError(.malformed("the name section \(nameSection) does not exist"), in: "section headers")
      }
      let header = raw[Int(nameSection)]
      let bytes = try reading("section names") { () throws(ByteError) in
        try source.bytes(at: header.fileOffset, count: header.type == SectionType.noBits ? 0 : header.size)
      }
      names = StringTable(
        bytes, fileOffset: header.fileOffset, subject: "section names", fileSize: source.byteCount)
    }
    var sections: [ELFSection] = []
    sections.reserveCapacity(raw.count)
    // Not 0, which in a table of call sites means "removed".
    var next: Address = 0x10000
    for (index, header) in raw.enumerated() {
      // Number 0 holds counts, not a name.
      let name = index == 0 ? "" : try names?.string(at: header.name) ?? ""
      var section = ELFSection(header, index: index, name: name)
      if type == .relocatable, section.isAllocated {
        let mask = (header.alignment.nonzeroBitCount == 1 ? min(header.alignment, 0x10000) : 1) - 1
        let place = (next &+ mask) & ~mask
        let (end, overflow) = place.addingReportingOverflow(header.size)
        guard !overflow, end < 1 << 62 else {
          throw ELFError(
            .malformed("section \(index) of \(header.size) bytes is too large"), in: "section headers")
        }
        section.address = place
        // One byte between sections, so that the end of one is not the beginning of the next.
        next = end + 1
      }
      sections.append(section)
    }
    return sections
  }
}
