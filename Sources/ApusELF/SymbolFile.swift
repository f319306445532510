package import ApusCore

/// A file that tells debuggers about code that stands in no file: its places, its functions' names, how to unwind it. The code
/// itself is in the process.
package struct SymbolFile: Sendable {
  /// A function.
  package struct Symbol: Sendable, Hashable {
    package var name: String
    package var range: AddressRange

    package init(name: String, range: AddressRange) {
      self.name = name
      self.range = range
    }
  }

  private let architecture: Architecture
  private let text: [AddressRange]
  private let symbols: [Symbol]
  private let callFrames: [UInt8]

  /// - Parameters:
  ///   - text: where code is; symbols elsewhere are left out.
  ///   - callFrames: the contents of `.debug_frame`.
  package init(
    _ architecture: Architecture, text: [AddressRange], symbols: [Symbol], callFrames: [UInt8]
  ) {
    self.architecture = architecture
    self.text = text
    self.symbols = symbols
    self.callFrames = callFrames
  }

  /// The file's contents: an ELF file for fixed addresses.
  package var bytes: [UInt8] {
    var sections: [ELFFileWriter.Section] = []
    for (index, range) in text.enumerated() {
      sections.append(
        ELFFileWriter.Section(
          name: index == 0 ? ".text" : ".text.\(index)", type: SectionType.noBits,
          flags: SectionFlag.alloc | SectionFlag.execute, address: range.start, memorySize: range.count,
          alignment: 16))
    }
    sections.append(
      ELFFileWriter.Section(name: ".debug_frame", type: SectionType.programBits, contents: callFrames))
    let (table, strings) = symbolTable
    // Number 0 comes before them all.
    sections.append(
      ELFFileWriter.Section(
        name: ".symtab", type: SectionType.symbolTable, contents: table, link: UInt32(sections.count + 2),
        info: 1, entrySize: UInt64(RecordSize.symbol)))
    sections.append(
      ELFFileWriter.Section(name: ".strtab", type: SectionType.strings, contents: strings, alignment: 1))
    return ELFFileWriter.file(.executable, architecture, sections)
  }

  private var symbolTable: (table: [UInt8], strings: [UInt8]) {
    var table = ByteWriter()
    var strings = StringTableWriter()
    ELFFileWriter.append(ObjectSymbol(name: ""), to: &table, &strings)
    for symbol in symbols {
      guard let section = text.firstIndex(where: { $0.contains(symbol.range) }) else { continue }
      ELFFileWriter.append(
        ObjectSymbol(
          name: symbol.name, binding: .global, kind: .function, place: .section(section + 1),
          value: symbol.range.start, size: symbol.range.count), to: &table, &strings)
    }
    return (table.bytes, strings.bytes)
  }
}
