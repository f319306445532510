import ApusCore

/// An entry of the debugging information (DWARF 5, 2.1): a type, a member, a function.
package struct DebugEntry: Sendable {
  /// The tags and attributes that are asked for (DWARF 5, 7.5.3 and 7.5.4).
  package enum Tag {
    package static let arrayType: UInt64 = 0x01  // DW_TAG_array_type
    package static let classType: UInt64 = 0x02  // DW_TAG_class_type
    package static let enumerationType: UInt64 = 0x04  // DW_TAG_enumeration_type
    package static let member: UInt64 = 0x0d  // DW_TAG_member
    package static let pointerType: UInt64 = 0x0f  // DW_TAG_pointer_type
    package static let referenceType: UInt64 = 0x10  // DW_TAG_reference_type
    package static let structureType: UInt64 = 0x13  // DW_TAG_structure_type
    package static let typedef: UInt64 = 0x16  // DW_TAG_typedef
    package static let unionType: UInt64 = 0x17  // DW_TAG_union_type
    package static let inheritance: UInt64 = 0x1c  // DW_TAG_inheritance
    package static let subrange: UInt64 = 0x21  // DW_TAG_subrange_type
    package static let baseType: UInt64 = 0x24  // DW_TAG_base_type
    package static let constType: UInt64 = 0x26  // DW_TAG_const_type
    package static let variable: UInt64 = 0x34  // DW_TAG_variable
    package static let volatileType: UInt64 = 0x35  // DW_TAG_volatile_type
    package static let namespace: UInt64 = 0x39  // DW_TAG_namespace
    package static let rvalueReferenceType: UInt64 = 0x42  // DW_TAG_rvalue_reference_type
    package static let atomicType: UInt64 = 0x47  // DW_TAG_atomic_type
  }
  package enum Attribute {
    package static let name: UInt64 = 0x03  // DW_AT_name
    package static let byteSize: UInt64 = 0x0b  // DW_AT_byte_size
    package static let bitOffset: UInt64 = 0x0c  // DW_AT_bit_offset
    package static let bitSize: UInt64 = 0x0d  // DW_AT_bit_size
    package static let upperBound: UInt64 = 0x2f  // DW_AT_upper_bound
    package static let count: UInt64 = 0x37  // DW_AT_count
    package static let encoding: UInt64 = 0x3e  // DW_AT_encoding
    package static let memberLocation: UInt64 = 0x38  // DW_AT_data_member_location
    package static let declaration: UInt64 = 0x3c  // DW_AT_declaration
    package static let type: UInt64 = 0x49  // DW_AT_type
    package static let dataBitOffset: UInt64 = 0x6b  // DW_AT_data_bit_offset
    static let stringOffsetsBase: UInt64 = 0x72  // DW_AT_str_offsets_base
    static let splitNames: Set<UInt64> = [0x76, 0x2130]  // DW_AT_dwo_name, DW_AT_GNU_dwo_name
  }
  package enum Value: Sendable, Hashable {
    case number(UInt64)
    case text(String)
    /// The offset of another entry in the section.
    case reference(UInt64)
    case bytes([UInt8])
  }

  /// In its section.
  package var offset: UInt64
  /// 0 of a unit.
  package var depth: Int
  package var tag: UInt64
  package var attributes: [UInt64: Value]

  package var name: String? {
    if case .text(let text) = attributes[Attribute.name] { return text }
    return nil
  }
  package func number(_ attribute: UInt64) -> UInt64? {
    if case .number(let number) = attributes[attribute] { return number }
    return nil
  }
  package func reference(_ attribute: UInt64) -> UInt64? {
    if case .reference(let offset) = attributes[attribute] { return offset }
    return nil
  }
}

extension ELFImage {
  /// Calls `body` for the entries of wanted tags, in their order; in a relocatable file too.
  ///
  /// - Returns: whether that was all: there is debugging information, and it is not split off, compressed, in several sections
  ///   (`-fdebug-types-section` makes one for each type), or of versions that are not read.
  package func forEachDebugEntry(
    _ isWanted: (UInt64) -> Bool, _ body: (DebugEntry) -> Void
  ) throws(ELFError) -> Bool {
    let names = [".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets"]
    let units = sections.filter { $0.name == ".debug_info" || $0.name == ".debug_types" }
    guard units.count == 1, units[0].name == ".debug_info", units[0].size > 0,
      names.allSatisfy({ section(named: $0).map { $0.flags & SectionFlag.compressed == 0 } ?? true })
    else { return false }
    var reader = DebugReader(
      information: try relocatedContents(".debug_info"),
      abbreviations: try relocatedContents(".debug_abbrev"),
      strings: try relocatedContents(".debug_str"), lineStrings: try relocatedContents(".debug_line_str"),
      stringOffsets: try relocatedContents(".debug_str_offsets"))
    try reading(".debug_info") { () throws(ByteError) in try reader.read(isWanted, body) }
    return reader.isComplete
  }

  /// A section's contents with what relocations put there; empty if there is no such section.
  private func relocatedContents(_ name: String) throws(ELFError) -> [UInt8] {
    guard let section = section(named: name), section.flags & SectionFlag.compressed == 0 else { return [] }
    var bytes = try contents(of: section)
    guard type == .relocatable else { return bytes }
    let symbols = try objectSymbols()
    let wide = architecture.machineConstants.absolute64
    try forEachRelocation(ofSections: { $0.index == section.index }) { _, relocation in
      let count = relocation.type == wide ? 8 : 4
      guard relocation.type != 0, relocation.symbol < symbols.count,
        relocation.offset <= UInt64(bytes.count), UInt64(bytes.count) - relocation.offset >= UInt64(count)
      else { return }
      let value = symbols[Int(relocation.symbol)].value &+ UInt64(bitPattern: relocation.addend)
      for index in 0..<count {
        bytes[Int(relocation.offset) + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
      }
    }
    return bytes
  }
}

/// Reads `.debug_info` (DWARF 2 to 5, chapter 7).
private struct DebugReader {
  let information: [UInt8]
  let abbreviations: [UInt8]
  let strings: [UInt8]
  let lineStrings: [UInt8]
  let stringOffsets: [UInt8]
  /// The last table of abbreviations, and where it is.
  private var table: (place: UInt64, entries: [UInt64: Abbreviation])?
  /// Bytes of abbreviations read: tables may overlap in a damaged file.
  private var spent: UInt64 = 0
  /// Whether all was read.
  private(set) var isComplete = true

  /// Of names, in bytes, and of entries in each other: more is damage.
  private static let longestName = 1 << 16
  private static let deepest = 256

  init(
    information: [UInt8], abbreviations: [UInt8], strings: [UInt8], lineStrings: [UInt8],
    stringOffsets: [UInt8]
  ) {
    self.information = information
    self.abbreviations = abbreviations
    self.strings = strings
    self.lineStrings = lineStrings
    self.stringOffsets = stringOffsets
  }

  private struct Abbreviation {
    var tag: UInt64
    var hasChildren: Bool
    /// The attribute, its form, and what an implicit constant is.
    var attributes: [(UInt64, UInt64, UInt64)]
  }

  private struct Unit {
    var start: UInt64
    var version: UInt16
    var isWide: Bool
    var addressSize: UInt8
    /// Behind the header of the string offsets' table, if the unit does not say.
    var stringOffsetsBase: UInt64
  }

  mutating func read(_ isWanted: (UInt64) -> Bool, _ body: (DebugEntry) -> Void) throws(ByteError) {
    var reader = ByteReader(information)
    while reader.remaining > 4 {
      let start = UInt64(reader.offset)
      var length = UInt64(try reader.readUInt32())
      let isWide = length == 0xffff_ffff
      if isWide { length = try reader.readUInt64() }
      let first = reader.offset
      var unit = try reader.take(length)
      let version = try unit.readUInt16()
      guard (2...5).contains(version) else {
        isComplete = false
        continue
      }
      var header = Unit(
        start: start, version: version, isWide: isWide, addressSize: 8, stringOffsetsBase: isWide ? 16 : 8)
      var table: UInt64 = 0
      if version >= 5 {
        let kind = try unit.readUInt8()
        header.addressSize = try unit.readUInt8()
        table = try offset(&unit, isWide)
        // Type units have a signature and where the type is; skeletons and what they stand for, an identifier.
        if kind == 2 || kind == 6 { try unit.skip(isWide ? 16 : 12) }
        if kind == 4 || kind == 5 {
          try unit.skip(8)
          isComplete = false
        }
      } else {
        table = try offset(&unit, isWide)
        header.addressSize = try unit.readUInt8()
      }
      try read(&unit, first, header, try abbreviations(at: table), isWanted, body)
    }
  }

  private func offset(_ reader: inout ByteReader, _ isWide: Bool) throws(ByteError) -> UInt64 {
    isWide ? try reader.readUInt64() : UInt64(try reader.readUInt32())
  }

  private mutating func abbreviations(at place: UInt64) throws(ByteError) -> [UInt64: Abbreviation] {
    if let table, table.place == place { return table.entries }
    var reader = ByteReader(abbreviations)
    try reader.skip(place)
    defer { spent &+= UInt64(reader.offset) &- place }
    guard spent <= 8 * UInt64(abbreviations.count) else {
      throw ByteError(.pastEnd(needed: spent, available: UInt64(abbreviations.count)), at: place)
    }
    var result: [UInt64: Abbreviation] = [:]
    while reader.remaining > 0 {
      let code = try reader.readULEB128()
      guard code != 0 else { break }
      var entry = Abbreviation(
        tag: try reader.readULEB128(), hasChildren: try reader.readUInt8() != 0, attributes: [])
      while true {
        let attribute = try reader.readULEB128()
        let form = try reader.readULEB128()
        guard attribute != 0 || form != 0 else { break }
        let constant = form == 0x21 ? UInt64(bitPattern: try reader.readSLEB128()) : 0
        entry.attributes.append((attribute, form, constant))
      }
      result[code] = entry
    }
    table = (place, result)
    return result
  }

  private mutating func read(
    _ reader: inout ByteReader, _ first: Int, _ header: Unit, _ table: [UInt64: Abbreviation],
    _ isWanted: (UInt64) -> Bool, _ body: (DebugEntry) -> Void
  ) throws(ByteError) {
    var unit = header
    var depth = 0
    while reader.remaining > 0 {
      let place = UInt64(first + reader.offset)
      let code = try reader.readULEB128()
      guard code != 0 else {
        depth -= 1
        if depth <= 0 { return }
        continue
      }
      guard let abbreviation = table[code], depth <= Self.deepest else {
        isComplete = false
        return
      }
      let wanted = isWanted(abbreviation.tag)
      var entry = DebugEntry(offset: place, depth: depth, tag: abbreviation.tag, attributes: [:])
      for (attribute, form, constant) in abbreviation.attributes {
        let value = try value(&reader, form, constant, unit)
        if attribute == DebugEntry.Attribute.stringOffsetsBase, case .number(let base)? = value {
          unit.stringOffsetsBase = base
        }
        if depth == 0, DebugEntry.Attribute.splitNames.contains(attribute) { isComplete = false }
        if wanted, let value { entry.attributes[attribute] = value }
      }
      if wanted { body(entry) }
      if abbreviation.hasChildren { depth += 1 } else if depth == 0 { return }
    }
  }

  /// The value of an attribute (DWARF 5, 7.5.6); nil of forms that nothing here asks for.
  private func value(
    _ reader: inout ByteReader, _ form: UInt64, _ constant: UInt64, _ unit: Unit
  ) throws(ByteError) -> DebugEntry.Value? {
    switch form {
    case 0x01:  // addr
      try reader.skip(UInt64(unit.addressSize))
      return nil
    case 0x0b, 0x0c: return .number(UInt64(try reader.readUInt8()))  // data1, flag
    case 0x05: return .number(UInt64(try reader.readUInt16()))  // data2
    case 0x06: return .number(UInt64(try reader.readUInt32()))  // data4
    case 0x07: return .number(try reader.readUInt64())  // data8
    case 0x0d: return .number(UInt64(bitPattern: try reader.readSLEB128()))  // sdata
    case 0x0f: return .number(try reader.readULEB128())  // udata
    case 0x17: return .number(try offset(&reader, unit.isWide))  // sec_offset
    case 0x19: return .number(1)  // flag_present
    case 0x21: return .number(constant)  // implicit_const
    case 0x08: return .text(try reader.readCString())  // string
    case 0x0e: return text(strings, try offset(&reader, unit.isWide))  // strp
    case 0x1f: return text(lineStrings, try offset(&reader, unit.isWide))  // line_strp
    case 0x1a: return indexed(try reader.readULEB128(), unit)  // strx
    case 0x25: return indexed(UInt64(try reader.readUInt8()), unit)  // strx1
    case 0x26: return indexed(UInt64(try reader.readUInt16()), unit)  // strx2
    case 0x27:  // strx3
      let low = UInt64(try reader.readUInt16())
      return indexed(low | UInt64(try reader.readUInt8()) << 16, unit)
    case 0x28: return indexed(UInt64(try reader.readUInt32()), unit)  // strx4
    case 0x11: return .reference(unit.start &+ UInt64(try reader.readUInt8()))  // ref1
    case 0x12: return .reference(unit.start &+ UInt64(try reader.readUInt16()))  // ref2
    case 0x13: return .reference(unit.start &+ UInt64(try reader.readUInt32()))  // ref4
    case 0x14: return .reference(unit.start &+ (try reader.readUInt64()))  // ref8
    case 0x15: return .reference(unit.start &+ (try reader.readULEB128()))  // ref_udata
    case 0x10:  // ref_addr
      return .reference(unit.version == 2 ? try reader.readUInt64() : try offset(&reader, unit.isWide))
    case 0x0a: return .bytes(try reader.readBytes(UInt64(try reader.readUInt8())))  // block1
    case 0x03: return .bytes(try reader.readBytes(UInt64(try reader.readUInt16())))  // block2
    case 0x04: return .bytes(try reader.readBytes(UInt64(try reader.readUInt32())))  // block4
    case 0x09, 0x18: return .bytes(try reader.readBytes(try reader.readULEB128()))  // block, exprloc
    default: try skip(&reader, form, unit)
    }
    return nil
  }

  private func skip(_ reader: inout ByteReader, _ form: UInt64, _ unit: Unit) throws(ByteError) {
    switch form {
    case 0x16:  // indirect
      let form = try reader.readULEB128()
      guard form != 0x16, form != 0x21 else {
        throw ByteError(.pastEnd(needed: form, available: 0), at: UInt64(reader.offset))
      }
      _ = try value(&reader, form, 0, unit)
    case 0x1b, 0x22, 0x23: _ = try reader.readULEB128()  // addrx, loclistx, rnglistx
    case 0x1e: try reader.skip(16)  // data16
    case 0x20, 0x24: try reader.skip(8)  // ref_sig8, ref_sup8
    case 0x1c: try reader.skip(4)  // ref_sup4
    case 0x1d, 0x1f20, 0x1f21: try reader.skip(unit.isWide ? 8 : 4)  // strp_sup and GNU's
    case 0x29: try reader.skip(1)  // addrx1
    case 0x2a: try reader.skip(2)
    case 0x2b: try reader.skip(3)
    case 0x2c: try reader.skip(4)
    default: throw ByteError(.pastEnd(needed: form, available: 0), at: UInt64(reader.offset))
    }
  }

  private func text(_ table: [UInt8], _ offset: UInt64) -> DebugEntry.Value? {
    guard offset < UInt64(table.count),
      let end = table[Int(offset)...].prefix(Self.longestName).firstIndex(of: 0)
    else { return nil }
    return .text(String(decoding: table[Int(offset)..<end], as: UTF8.self))
  }

  private func indexed(_ index: UInt64, _ unit: Unit) -> DebugEntry.Value? {
    let width: UInt64 = unit.isWide ? 8 : 4
    let (distance, overflow) = index.multipliedReportingOverflow(by: width)
    let (place, carry) = distance.addingReportingOverflow(unit.stringOffsetsBase)
    guard !overflow, !carry, place < UInt64(stringOffsets.count), UInt64(stringOffsets.count) - place >= width
    else { return nil }
    let offset = (0..<Int(width)).reversed().reduce(UInt64(0)) {
      $0 << 8 | UInt64(stringOffsets[Int(place) + $1])
    }
    return text(strings, offset)
  }
}
