import ApusCore
import ApusELF

/// Debugging information written by hand: sections of DWARF in a relocatable file.
struct DebugFile {
  /// An attribute as its abbreviation says it, and how its value is encoded.
  struct Field {
    var attribute: UInt64
    var form: UInt64
    var value: [UInt8] = []
    /// DW_FORM_implicit_const: stands in the abbreviation.
    var constant: Int64 = 0
  }

  var information = ByteWriter()
  var abbreviations = ByteWriter()
  var strings: [UInt8] = []
  var lineStrings: [UInt8] = []
  var stringOffsets: [UInt8] = []
  /// `sh_flags` by section.
  var flags: [String: UInt64] = [:]
  /// Further sections.
  var others: [(name: String, bytes: [UInt8])] = []
  private var count: UInt64 = 0
  private(set) var isWide = false

  /// A file with tables of strings.
  static func withStrings() -> DebugFile {
    var file = DebugFile()
    file.strings = Array("\0one\0two\0".utf8)
    file.lineStrings = Array("ab\0line\0".utf8)
    // A header of 8 bytes, then two offsets.
    file.stringOffsets = little(UInt64(0)) + little(UInt32(1)) + little(UInt32(5))
    return file
  }

  /// An entry with its own abbreviation; a list of children is ended by ``end()``.
  mutating func entry(_ tag: UInt64, children: Bool = false, _ fields: [Field] = []) {
    count += 1
    information.append(uleb128: count)
    abbreviations.append(uleb128: count)
    abbreviations.append(uleb128: tag)
    abbreviations.append(UInt8(children ? 1 : 0))
    for field in fields {
      abbreviations.append(uleb128: field.attribute)
      abbreviations.append(uleb128: field.form)
      if field.form == 0x21 { abbreviations.append(sleb128: field.constant) }
      information.append(contentsOf: field.value)
    }
    abbreviations.append(contentsOf: [0, 0])
  }

  /// The end of a list of children.
  mutating func end() { information.append(UInt8(0)) }

  /// A unit of some version; `kind` counts from version 5 on, `more` follows the header.
  mutating func unit(
    version: UInt16 = 5, kind: UInt8 = 1, isWide: Bool = false, addressSize: UInt8 = 8, more: [UInt8] = [],
    table: UInt64 = 0, _ body: (inout DebugFile) -> Void
  ) throws {
    self.isWide = isWide
    let start = information.count
    if isWide { information.append(UInt32.max) }
    let length = information.count
    offset(0, &information)
    let first = information.count
    information.append(version)
    if version >= 5 { information.append(contentsOf: [kind, addressSize]) }
    offset(table, &information)
    if version < 5 { information.append(addressSize) }
    information.append(contentsOf: more)
    body(&self)
    let size = UInt64(information.count - first)
    if isWide {
      try information.replace(at: length, with: size)
    } else {
      try information.replace(at: start, with: UInt32(size))
    }
  }

  /// An offset into a section, 4 or 8 bytes.
  func offset(_ value: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    offset(value, &writer)
    return writer.bytes
  }
  private func offset(_ value: UInt64, _ writer: inout ByteWriter) {
    if isWide { writer.append(value) } else { writer.append(UInt32(value)) }
  }

  /// The file.
  func bytes(_ architecture: Architecture = .x86_64) -> [UInt8] {
    var table = abbreviations.bytes
    table.append(0)
    var sections = [
      (".debug_info", information.bytes), (".debug_abbrev", table), (".debug_str", strings),
      (".debug_line_str", lineStrings), (".debug_str_offsets", stringOffsets),
    ].filter { !$0.1.isEmpty }
    sections += others.map { ($0.name, $0.bytes) }
    return RelocatableWriter(architecture).write(
      sections: sections.map {
        .init(name: $0.0, type: SectionType.programBits, flags: flags[$0.0] ?? 0, bytes: $0.1)
      }, symbols: [ObjectSymbol(name: "")])
  }
}

extension [DebugEntry] {
  /// The entries of a file, and whether they are all; only those of wanted tags.
  static func of(
    _ bytes: [UInt8], _ isWanted: (UInt64) -> Bool = { _ in true }
  ) throws -> (entries: [DebugEntry], isAll: Bool) {
    var entries: [DebugEntry] = []
    let isAll = try ELFImage(source: bytes).forEachDebugEntry(isWanted) { entries.append($0) }
    return (entries, isAll)
  }
}

/// Numbers as DWARF holds them.
func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  var writer = ByteWriter()
  writer.append(value)
  return writer.bytes
}
