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

  /// The file's bytes.
  ///
  /// - Parameters:
  ///   - sections: from number 1 on; number 0 is written by itself.
  ///   - symbols: from number 0 on, which must be empty; local ones first.
  package func write(sections: [Section], symbols: [ObjectSymbol]) -> [UInt8] {
    var headers = sections.map { section in
      ELFFileWriter.Section(
        name: section.name, type: section.type, flags: section.flags, contents: section.bytes,
        memorySize: section.size, alignment: section.alignment, entrySize: section.entrySize)
    }
    let table = UInt32(sections.count + 1)
    var strings = StringTableWriter()
    var records = ByteWriter()
    for symbol in symbols { ELFFileWriter.append(symbol, to: &records, &strings) }
    headers.append(
      ELFFileWriter.Section(
        name: ".symtab", type: SectionType.symbolTable, contents: records.bytes, link: table + 1,
        info: UInt32(symbols.prefix { $0.binding == .local }.count), entrySize: UInt64(RecordSize.symbol)))
    headers.append(
      ELFFileWriter.Section(name: ".strtab", type: SectionType.strings, contents: strings.bytes, alignment: 1)
    )
    for (index, section) in sections.enumerated() where !section.relocations.isEmpty {
      var entries = ByteWriter()
      for relocation in section.relocations {
        entries.append(relocation.offset)
        entries.append(UInt64(relocation.symbol) << 32 | UInt64(relocation.type))
        entries.append(relocation.addend)
      }
      headers.append(
        ELFFileWriter.Section(
          name: ".rela" + section.name, type: SectionType.rela, flags: SectionFlag.infoLink,
          contents: entries.bytes, link: table, info: UInt32(index + 1), entrySize: UInt64(RecordSize.rela)))
    }
    let usesGNU = symbols.contains { $0.kind == .indirectFunction }
    return ELFFileWriter.file(.relocatable, architecture, headers, usesGNU: usesGNU)
  }
}
