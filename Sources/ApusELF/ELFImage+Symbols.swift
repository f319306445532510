import ApusCore

/// One entry of a symbol table, an `Elf64_Sym` (gABI, "Symbol Table").
struct ELFSymbol {
  /// `st_name`, an offset in the table's strings.
  var name: UInt32
  /// `st_info`: binding and type.
  var info: UInt8
  /// `st_other`: visibility; on ppc64le the distance to the local entry as well.
  var other: UInt8
  /// `st_shndx`, the wide one where the table has one: the section that it is defined in.
  var section: UInt32
  /// `st_value`.
  var value: UInt64
  /// `st_size`.
  var size: UInt64

  init(_ reader: inout ByteReader) throws(ByteError) {
    name = try reader.readUInt32()
    info = try reader.readUInt8()
    other = try reader.readUInt8()
    section = UInt32(try reader.readUInt16())
    value = try reader.readUInt64()
    size = try reader.readUInt64()
  }

  /// STT_FUNC or STT_GNU_IFUNC.
  var isFunction: Bool { info & 15 == 2 || info & 15 == 10 }
  /// Defined in a section: not undefined, common or absolute. An extended index has been replaced before.
  var isDefined: Bool { section != SectionIndex.undefined && !isReserved }
  /// SHN_ABS, SHN_COMMON and their like.
  var isReserved = false
}

/// A symbol table and its strings.
struct ELFSymbolTable {
  var symbols: [ELFSymbol]
  var strings: StringTable
}

extension ELFImage {
  /// The table in section `.symtab`: all symbols, unless the file was stripped.
  func fullSymbols() throws(ELFError) -> ELFSymbolTable? {
    guard let section = sections.first(where: { $0.type == SectionType.symbolTable }) else { return nil }
    return try symbolTable(section)
  }

  /// The table in section `.dynsym`, or that of the dynamic section: what is imported and exported.
  func dynamicSymbols() throws(ELFError) -> ELFSymbolTable? {
    if let section = sections.first(where: { $0.type == SectionType.dynamicSymbols }) {
      return try symbolTable(section)
    }
    guard let address = dynamicValue(DynamicTag.symbols), let strings = try dynamicStrings(),
      let place = fileRange(at: address)
    else { return nil }
    let size = try dynamicSymbolCount().multipliedReportingOverflow(by: UInt64(RecordSize.symbol))
    guard !size.overflow else { throw ELFError(.malformed("too many symbols"), in: "dynamic symbols") }
    let bytes = try bytes(at: address, count: size.partialValue)
    let symbols = try parseSymbols(bytes, at: place.offset, wideIndices: nil, subject: "dynamic symbols")
    return ELFSymbolTable(symbols: symbols, strings: strings)
  }

  private func symbolTable(_ section: ELFSection) throws(ELFError) -> ELFSymbolTable {
    let subject = subject(section)
    guard section.entrySize == UInt64(RecordSize.symbol), section.size % UInt64(RecordSize.symbol) == 0 else {
      throw ELFError(.malformed("its entries are not of \(RecordSize.symbol) bytes"), in: subject)
    }
    guard section.link < sections.count, sections[Int(section.link)].type == SectionType.strings else {
      throw ELFError(.malformed("its string table, section \(section.link), is none"), in: subject)
    }
    let strings = sections[Int(section.link)]
    var wide: [UInt8]?
    if let extended = sections.first(where: {
      $0.type == SectionType.extendedIndices && Int($0.link) == section.index
    }) {
      wide = try contents(of: extended)
    }
    return ELFSymbolTable(
      symbols: try parseSymbols(
        try contents(of: section), at: section.fileOffset, wideIndices: wide, subject: subject),
      strings: StringTable(
        try contents(of: strings), fileOffset: strings.fileOffset, subject: self.subject(strings),
        fileSize: source.byteCount))
  }

  private func parseSymbols(
    _ bytes: [UInt8], at fileOffset: UInt64, wideIndices: [UInt8]?, subject: String
  ) throws(ELFError) -> [ELFSymbol] {
    try reading(subject) { () throws(ByteError) in
      var reader = ByteReader(bytes, baseOffset: fileOffset)
      var wide = ByteReader(wideIndices ?? [])
      var symbols: [ELFSymbol] = []
      symbols.reserveCapacity(bytes.count / RecordSize.symbol)
      while !reader.isAtEnd {
        var symbol = try ELFSymbol(&reader)
        let wideIndex = wideIndices == nil ? 0 : try wide.readUInt32()
        if symbol.section == SectionIndex.extended, wideIndices != nil {
          symbol.section = wideIndex
        } else {
          symbol.isReserved = symbol.section >= SectionIndex.reserved
        }
        symbols.append(symbol)
      }
      return symbols
    }
  }

  /// How many dynamic symbols there are, from a hash table, since the dynamic section does not say.
  private func dynamicSymbolCount() throws(ELFError) -> UInt64 {
    let subject = "symbol hash table"
    if let address = dynamicValue(DynamicTag.hash) {
      // nbucket, nchain; there is a chain link for each symbol.
      let bytes = try bytes(at: address, count: 8)
      return try reading(subject) { () throws(ByteError) in
        var reader = ByteReader(bytes)
        try reader.skip(4)
        return UInt64(try reader.readUInt32())
      }
    }
    guard let address = dynamicValue(DynamicTag.gnuHash), let place = fileRange(at: address) else { return 0 }
    return try reading(subject) { () throws(ByteError) in
      // nbuckets, symndx, maskwords, shift2; the filter; the buckets; the hashes of symbols from symndx on,
      // whose lowest bit says that a chain ends.
      var table = ByteReader(
        try source.bytes(at: place.offset, count: place.available), baseOffset: place.offset)
      let buckets = try table.readUInt32()
      let first = try table.readUInt32()
      let filter = try table.readUInt32()
      try table.skip(4 + UInt64(filter) * 8)
      var last: UInt32 = 0
      var bucketReader = try table.take(UInt64(buckets) * 4)
      while !bucketReader.isAtEnd { last = max(last, try bucketReader.readUInt32()) }
      guard last >= first else { return UInt64(first) }
      try table.skip(UInt64(last - first) * 4)
      var count = UInt64(last)
      while true {
        count += 1
        if try table.readUInt32() & 1 == 1 { return count }
      }
    }
  }
}
