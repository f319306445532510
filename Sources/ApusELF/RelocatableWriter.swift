package import ApusCore

/// Writes relocatable ELF files (ET_REL): what assemblers write and linkers read.
package struct RelocatableWriter {
  /// A section to be written.
  package struct Section: Sendable {
    package var name: String
    package var type: UInt32
    package var flags: UInt64
    package var alignment: UInt64
    package var entrySize: UInt64
    /// Its contents; of one without any (SHT_NOBITS), empty.
    package var bytes: [UInt8]
    /// In bytes, of a section without contents.
    package var size: UInt64
    /// With numbers of symbols as they are given to ``write(sections:symbols:)``.
    package var relocations: [ELFRelocation]

    package init(
      name: String, type: UInt32, flags: UInt64 = 0, alignment: UInt64 = 1, entrySize: UInt64 = 0,
      bytes: [UInt8] = [], size: UInt64? = nil, relocations: [ELFRelocation] = []
    ) {
      self.name = name
      self.type = type
      self.flags = flags
      self.alignment = alignment
      self.entrySize = entrySize
      self.bytes = bytes
      self.size = size ?? UInt64(bytes.count)
      self.relocations = relocations
    }
  }

  private let architecture: Architecture

  package init(_ architecture: Architecture) { self.architecture = architecture }

  private struct Strings {
    var bytes: [UInt8] = [0]
    var places: [String: UInt32] = ["": 0]

    mutating func place(_ text: String) -> UInt32 {
      if let known = places[text] { return known }
      let place = UInt32(bytes.count)
      bytes += Array(text.utf8) + [0]
      places[text] = place
      return place
    }
  }

  private struct Header {
    var name: String
    var type: UInt32
    var flags: UInt64 = 0
    var size: UInt64
    var link: UInt32 = 0
    var info: UInt32 = 0
    var alignment: UInt64
    var entrySize: UInt64 = 0
    var bytes: [UInt8]
  }

  /// The file's bytes.
  ///
  /// - Parameters:
  ///   - sections: from number 1 on; number 0 is written by itself.
  ///   - symbols: from number 0 on, which must be empty; local ones first.
  package func write(sections: [Section], symbols: [ObjectSymbol]) -> [UInt8] {
    var headers = [Header(name: "", type: SectionType.null, size: 0, alignment: 0, bytes: [])]
    for section in sections {
      headers.append(
        Header(
          name: section.name, type: section.type, flags: section.flags, size: section.size,
          alignment: section.alignment, entrySize: section.entrySize, bytes: section.bytes))
    }
    let table = UInt32(sections.count + 1)
    var strings = Strings()
    var records = ByteWriter()
    for symbol in symbols { append(symbol, to: &records, &strings) }
    headers.append(
      Header(
        name: ".symtab", type: SectionType.symbolTable, size: UInt64(records.count), link: table + 1,
        info: UInt32(symbols.prefix { $0.binding == .local }.count), alignment: 8,
        entrySize: UInt64(RecordSize.symbol), bytes: records.bytes))
    headers.append(
      Header(
        name: ".strtab", type: SectionType.strings, size: UInt64(strings.bytes.count), alignment: 1,
        bytes: strings.bytes))
    for (index, section) in sections.enumerated() where !section.relocations.isEmpty {
      var entries = ByteWriter()
      for relocation in section.relocations {
        entries.append(relocation.offset)
        entries.append(UInt64(relocation.symbol) << 32 | UInt64(relocation.type))
        entries.append(relocation.addend)
      }
      headers.append(
        Header(
          name: ".rela" + section.name, type: SectionType.rela, flags: SectionFlag.infoLink,
          size: UInt64(entries.count), link: table, info: UInt32(index + 1), alignment: 8,
          entrySize: UInt64(RecordSize.rela), bytes: entries.bytes))
    }
    return file(headers)
  }

  private func append(_ symbol: ObjectSymbol, to records: inout ByteWriter, _ strings: inout Strings) {
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

  private func file(_ sections: [Header]) -> [UInt8] {
    var headers = sections
    var names = Strings()
    headers.append(
      Header(name: ".shstrtab", type: SectionType.strings, size: 0, alignment: 1, bytes: []))
    let nameOffsets = headers.map { names.place($0.name) }
    headers[headers.count - 1].bytes = names.bytes
    headers[headers.count - 1].size = UInt64(names.bytes.count)
    var body = ByteWriter()
    body.append(contentsOf: [UInt8](repeating: 0, count: RecordSize.header))
    var offsets: [UInt64] = []
    for header in headers {
      body.align(to: Int(min(max(1, header.alignment), 4096)))
      offsets.append(header.type == SectionType.null ? 0 : UInt64(body.count))
      body.append(contentsOf: header.bytes)
    }
    body.align(to: 8)
    let tableOffset = UInt64(body.count)
    for (header, (name, offset)) in zip(headers, zip(nameOffsets, offsets)) {
      body.append(name)
      body.append(header.type)
      body.append(header.flags)
      body.append(UInt64(0))
      body.append(offset)
      body.append(header.size)
      body.append(header.link)
      body.append(header.info)
      body.append(header.alignment)
      body.append(header.entrySize)
    }
    var head = ByteWriter()
    head.append(contentsOf: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8))
    head.append(ELFType.relocatable.rawValue)
    head.append(architecture.machineConstants.machine)
    head.append(UInt32(1))
    head.append(UInt64(0))
    head.append(UInt64(0))
    head.append(tableOffset)
    head.append(architecture.machineConstants.flags)
    head.append(UInt16(RecordSize.header))
    head.append(UInt16(0))
    head.append(UInt16(0))
    head.append(UInt16(RecordSize.sectionHeader))
    head.append(UInt16(headers.count))
    head.append(UInt16(headers.count - 1))
    return head.bytes + body.bytes[RecordSize.header...]
  }
}
