package import ApusCore

/// A symbol of an ELF file with all that its table says of it, an `Elf64_Sym` (gABI, "Symbol Table").
package struct ObjectSymbol: Sendable, Hashable {
  /// `ELF64_ST_BIND`.
  package enum Binding: UInt8, Sendable {
    /// STB_LOCAL: seen in its own object file only.
    case local = 0
    /// STB_GLOBAL.
    case global = 1
    /// STB_WEAK: gives way to a global one.
    case weak = 2
    /// STB_GNU_UNIQUE: one in the whole process.
    case unique = 10
  }
  /// `ELF64_ST_TYPE`; others are ``none``.
  package enum Kind: UInt8, Sendable {
    case none = 0
    case object = 1
    case function = 2
    case section = 3
    case file = 4
    case common = 5
    /// STT_TLS: its value is an offset in the thread-local block.
    case threadLocal = 6
    /// STT_GNU_IFUNC: a function that chooses one.
    case indirectFunction = 10
  }
  /// Where it is.
  package enum Place: Sendable, Hashable {
    case undefined
    /// In the section of that number.
    case section(Int)
    case absolute
    /// SHN_COMMON: its value is its alignment.
    case common
    /// Another reserved number.
    case other(UInt16)
  }

  package var name: String
  package var binding: Binding
  package var kind: Kind
  /// `st_other`: the low two bits are the visibility; on ppc64le the high three say where the local entry is.
  package var other: UInt8
  package var place: Place
  /// In a relocatable file, an offset in its section; otherwise an address.
  package var value: UInt64
  /// In bytes; 0 if it is not known.
  package var size: UInt64

  package init(
    name: String, binding: Binding = .local, kind: Kind = .none, other: UInt8 = 0, place: Place = .undefined,
    value: UInt64 = 0, size: UInt64 = 0
  ) {
    self.name = name
    self.binding = binding
    self.kind = kind
    self.other = other
    self.place = place
    self.value = value
    self.size = size
  }

  /// The number of the section that it is in.
  package var section: Int? {
    if case .section(let index) = place { return index }
    return nil
  }
  package var isUndefined: Bool { place == .undefined }
  package var isFunction: Bool { kind == .function || kind == .indirectFunction }
  /// `st_info`.
  package var info: UInt8 { binding.rawValue << 4 | kind.rawValue }
}

/// A section group (gABI, "Section Groups"): its members stay or go together.
package struct SectionGroup: Sendable, Hashable {
  /// The name of the symbol that it is known by.
  package var signature: String
  /// GRP_COMDAT: of several of one signature the linker keeps one.
  package var isCOMDAT: Bool
  /// Numbers of sections.
  package var members: [Int]
}

extension ELFImage {
  /// The table in `.symtab`, in its order, number 0 included; empty if the file was stripped.
  package func objectSymbols() throws(ELFError) -> [ObjectSymbol] {
    guard let table = try fullSymbols() else { return [] }
    return try read(table)
  }

  /// What it imports and exports (`.dynsym`), in the table's order.
  package func importedAndExported() throws(ELFError) -> [ObjectSymbol] {
    guard let table = try dynamicSymbols() else { return [] }
    return try read(table)
  }

  private func read(_ given: ELFSymbolTable) throws(ELFError) -> [ObjectSymbol] {
    var table = given
    var result: [ObjectSymbol] = []
    result.reserveCapacity(table.symbols.count)
    for symbol in table.symbols {
      let place: ObjectSymbol.Place
      switch symbol.section {
      case SectionIndex.undefined where !symbol.isReserved: place = .undefined
      case let index where !symbol.isReserved:
        guard index < sections.count || !hasSectionHeaders else {
          throw ELFError(
            .malformed("a symbol is in section \(index), which does not exist"), in: "symbol table")
        }
        place = .section(Int(index))
      case SectionIndex.absolute: place = .absolute
      case SectionIndex.common: place = .common
      case let index: place = .other(UInt16(truncatingIfNeeded: index))
      }
      result.append(
        ObjectSymbol(
          name: try table.strings.string(at: symbol.name),
          binding: ObjectSymbol.Binding(rawValue: symbol.info >> 4) ?? .global,
          kind: ObjectSymbol.Kind(rawValue: symbol.info & 15) ?? .none, other: symbol.other, place: place,
          value: symbol.value, size: symbol.size))
    }
    return result
  }

  /// The section groups of a relocatable file.
  package func sectionGroups(_ symbols: [ObjectSymbol]) throws(ELFError) -> [SectionGroup] {
    var result: [SectionGroup] = []
    for section in sections where section.type == SectionType.group {
      guard Int(section.info) < symbols.count else {
        throw ELFError(
          .malformed("its signature, symbol \(section.info), does not exist"), in: subject(section))
      }
      let symbol = symbols[Int(section.info)]
      // A section's symbol has no name of its own.
      let name = symbol.kind == .section ? symbol.section.map { sections[$0].name } ?? "" : symbol.name
      let bytes = try contents(of: section)
      let words = try reading(subject(section)) { () throws(ByteError) in
        var reader = ByteReader(bytes, baseOffset: section.fileOffset)
        var words: [UInt32] = []
        while reader.remaining >= 4 { words.append(try reader.readUInt32()) }
        return words
      }
      guard words.dropFirst().allSatisfy({ $0 < sections.count }) else {
        throw ELFError(.malformed("it names a section that does not exist"), in: subject(section))
      }
      result.append(
        SectionGroup(
          signature: name, isCOMDAT: (words.first ?? 0) & 1 != 0, members: words.dropFirst().map { Int($0) }))
    }
    return result
  }
}
