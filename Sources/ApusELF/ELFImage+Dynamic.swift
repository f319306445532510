import ApusCore

extension ELFImage {
  /// The dynamic section's entries, found as the dynamic linker finds them (gABI, "Dynamic Section").
  static func readDynamicEntries(
    _ source: any ByteSource, _ segments: [ELFSegment]
  ) throws(ELFError) -> [ELFDynamicEntry] {
    guard let segment = segments.first(where: { $0.type == SegmentType.dynamic }), segment.fileSize > 0 else {
      return []
    }
    return try reading("dynamic section") { () throws(ByteError) in
      var reader = ByteReader(
        try source.bytes(at: segment.fileOffset, count: segment.fileSize), baseOffset: segment.fileOffset)
      var entries: [ELFDynamicEntry] = []
      while reader.remaining >= RecordSize.dynamic {
        let tag = Int64(bitPattern: try reader.readUInt64())
        let value = try reader.readUInt64()
        if tag == DynamicTag.null { break }
        entries.append(ELFDynamicEntry(tag: tag, value: value))
      }
      return entries
    }
  }

  /// The value of the first entry with `tag`.
  func dynamicValue(_ tag: Int64) -> UInt64? { dynamicEntries.first { $0.tag == tag }?.value }

  /// The dynamic string table.
  func dynamicStrings() throws(ELFError) -> StringTable? {
    guard let address = dynamicValue(DynamicTag.strings) else { return nil }
    let bytes = try bytes(at: address, count: dynamicValue(DynamicTag.stringsSize) ?? 0)
    return StringTable(
      bytes, fileOffset: fileRange(at: address)?.offset ?? 0, subject: "dynamic strings",
      fileSize: source.byteCount)
  }

  /// The names of the libraries that it needs (DT_NEEDED), in order.
  package func neededLibraries() throws(ELFError) -> [String] {
    let names = dynamicEntries.filter { $0.tag == DynamicTag.needed }
    guard !names.isEmpty, var strings = try dynamicStrings() else { return [] }
    var libraries: [String] = []
    for entry in names { libraries.append(try strings.string(at: UInt32(clamping: entry.value))) }
    return libraries
  }

  /// The name that others need it by (DT_SONAME).
  package func sharedObjectName() throws(ELFError) -> String? {
    guard let entry = dynamicValue(DynamicTag.sharedObjectName), var strings = try dynamicStrings() else {
      return nil
    }
    return try strings.string(at: UInt32(clamping: entry))
  }

  /// The dynamic linker that it asks for (PT_INTERP).
  package func interpreter() throws(ELFError) -> String? {
    guard let segment = segments.first(where: { $0.type == SegmentType.interpreter }) else { return nil }
    return try reading("interpreter name") { () throws(ByteError) in
      var reader = ByteReader(
        try source.bytes(at: segment.fileOffset, count: segment.fileSize), baseOffset: segment.fileOffset)
      return try reader.readCString()
    }
  }
}
