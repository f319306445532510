import ApusCore

/// The contents of a table of strings, and where each stands in it.
struct StringTableWriter {
  private(set) var bytes: [UInt8] = [0]
  private var places: [String: UInt32] = ["": 0]

  /// The offset of a string, which is appended if it is new.
  mutating func place(_ text: String) -> UInt32 {
    if let known = places[text] { return known }
    let place = UInt32(bytes.count)
    bytes += Array(text.utf8) + [0]
    places[text] = place
    return place
  }
}

/// Writes ELF files that have sections and no segments (gABI, chapter 4).
enum ELFFileWriter {
  struct Section {
    var name: String
    var type: UInt32
    var flags: UInt64 = 0
    var address: Address = 0
    var contents: [UInt8] = []
    /// In bytes, of a section without contents.
    var memorySize: UInt64?
    var link: UInt32 = 0
    var info: UInt32 = 0
    var alignment: UInt64 = 8
    var entrySize: UInt64 = 0
  }

  /// Appends a record to a symbol table, an `Elf64_Sym`.
  static func append(_ symbol: ObjectSymbol, to records: inout ByteWriter, _ strings: inout StringTableWriter)
  {
    records.append(strings.place(symbol.name))
    records.append(symbol.info)
    records.append(symbol.other)
    switch symbol.place {
    case .undefined: records.append(UInt16(SectionIndex.undefined))
    case .section(let index): records.append(UInt16(truncatingIfNeeded: index))
    case .absolute: records.append(UInt16(SectionIndex.absolute))
    case .common: records.append(UInt16(SectionIndex.common))
    case .other(let index): records.append(index)
    }
    records.append(symbol.value)
    records.append(symbol.size)
  }

  /// The file's bytes: a header, the sections' contents, their headers.
  ///
  /// - Parameters:
  ///   - sections: from number 1 on; number 0, and the table of their names at the end, are written by themselves.
  ///   - usesGNU: whether it has what only GNU's ABI gives a meaning, such as STT_GNU_IFUNC.
  static func file(
    _ type: ELFType, _ architecture: Architecture, _ sections: [Section], usesGNU: Bool = false
  ) -> [UInt8] {
    var names = StringTableWriter()
    var all = [Section(name: "", type: SectionType.null, alignment: 0)] + sections
    let places = all.map { names.place($0.name) } + [names.place(".shstrtab")]
    all.append(Section(name: ".shstrtab", type: SectionType.strings, contents: names.bytes, alignment: 1))
    var contents = ByteWriter()
    contents.append(contentsOf: [UInt8](repeating: 0, count: RecordSize.header))
    var offsets: [Int] = []
    for section in all {
      contents.align(to: Int(min(max(8, section.alignment), 4096)))
      offsets.append(section.type == SectionType.null ? 0 : contents.count)
      contents.append(contentsOf: section.contents)
    }
    contents.align(to: 8)
    let headers = contents.count
    for (index, section) in all.enumerated() {
      contents.append(places[index])
      contents.append(section.type)
      for word in [
        section.flags, section.address, UInt64(offsets[index]),
        section.memorySize ?? UInt64(section.contents.count),
      ] { contents.append(word) }
      contents.append(section.link)
      contents.append(section.info)
      contents.append(section.alignment)
      contents.append(section.entrySize)
    }
    return header(type, architecture, usesGNU: usesGNU, sectionHeaders: headers, count: all.count)
      + contents.bytes[RecordSize.header...]
  }

  /// The file header, `Elf64_Ehdr`.
  private static func header(
    _ type: ELFType, _ architecture: Architecture, usesGNU: Bool, sectionHeaders: Int, count: Int
  ) -> [UInt8] {
    var header = ByteWriter()
    // ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_GNU or ELFOSABI_NONE
    header.append(contentsOf: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, usesGNU ? 3 : 0])
    header.append(UInt64(0))
    header.append(type.rawValue)
    header.append(architecture.machineConstants.machine)
    header.append(UInt32(1))  // e_version
    header.append(UInt64(0))  // e_entry
    header.append(UInt64(0))  // e_phoff
    header.append(UInt64(sectionHeaders))
    header.append(architecture.machineConstants.flags)
    for value in [RecordSize.header, 0, 0, RecordSize.sectionHeader, count, count - 1] {
      header.append(UInt16(value))
    }
    return header.bytes
  }
}
