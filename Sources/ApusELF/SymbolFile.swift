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

  private struct Section {
    var name: String
    var type: UInt32
    var flags: UInt64 = 0
    var address: Address = 0
    var contents: [UInt8] = []
    var memorySize: UInt64?
    var link: UInt32 = 0
    var info: UInt32 = 0
    var alignment: UInt64 = 8
    var entrySize: UInt64 = 0
  }

  /// Contents of a table of strings, and where each stands in it.
  private struct Strings {
    private(set) var bytes: [UInt8] = [0]

    mutating func add(_ text: String) -> UInt32 {
      let place = UInt32(bytes.count)
      bytes += Array(text.utf8) + [0]
      return place
    }
  }

  /// The file's contents: an ELF file for fixed addresses.
  package var bytes: [UInt8] {
    var sections = [Section(name: "", type: SectionType.null, alignment: 0)]
    for (index, range) in text.enumerated() {
      sections.append(
        Section(
          name: index == 0 ? ".text" : ".text.\(index)", type: SectionType.noBits,
          flags: SectionFlag.alloc | SectionFlag.execute, address: range.start, memorySize: range.count,
          alignment: 16))
    }
    sections.append(Section(name: ".debug_frame", type: SectionType.programBits, contents: callFrames))
    let (table, strings) = symbolTable
    sections.append(
      Section(
        name: ".symtab", type: SectionType.symbolTable, contents: table, link: UInt32(sections.count + 1),
        info: 1, entrySize: UInt64(RecordSize.symbol)))
    sections.append(Section(name: ".strtab", type: SectionType.strings, contents: strings, alignment: 1))
    return file(sections)
  }

  private var symbolTable: (table: [UInt8], strings: [UInt8]) {
    var table = ByteWriter()
    var strings = Strings()
    table.append(contentsOf: [UInt8](repeating: 0, count: RecordSize.symbol))
    for symbol in symbols {
      guard let section = text.firstIndex(where: { $0.contains(symbol.range) }) else { continue }
      table.append(strings.add(symbol.name))
      table.append(UInt8(0x12))  // st_info: STB_GLOBAL, STT_FUNC
      table.append(UInt8(0))  // st_other
      table.append(UInt16(section + 1))
      table.append(symbol.range.start)
      table.append(symbol.range.count)
    }
    return (table.bytes, strings.bytes)
  }

  private func file(_ sections: [Section]) -> [UInt8] {
    var names = Strings()
    var sections = sections
    let places = sections.map { names.add($0.name) } + [names.add(".shstrtab")]
    sections.append(
      Section(name: ".shstrtab", type: SectionType.strings, contents: names.bytes, alignment: 1))
    var contents = ByteWriter()
    contents.append(contentsOf: [UInt8](repeating: 0, count: RecordSize.header))
    var offsets: [Int] = []
    for section in sections {
      contents.align(to: 8)
      offsets.append(section.type == SectionType.null ? 0 : contents.count)
      contents.append(contentsOf: section.contents)
    }
    contents.align(to: 8)
    let headers = contents.count
    for (index, section) in sections.enumerated() {
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
    return header(sectionHeaders: headers, count: sections.count) + contents.bytes[RecordSize.header...]
  }

  /// The file header, `Elf64_Ehdr`.
  private func header(sectionHeaders: Int, count: Int) -> [UInt8] {
    var header = ByteWriter()
    // ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE
    header.append(contentsOf: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9))
    header.append(ELFType.executable.rawValue)
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
