package import ApusCore

extension ELFImage {
  /// The bytes of a section; empty if it has none in the file.
  package func contents(of section: ELFSection) throws(ELFError) -> [UInt8] {
    guard !section.isNoBits else { return [] }
    guard section.flags & SectionFlag.compressed == 0 else {
      throw ELFError(
        .malformed("it is compressed, which no section read by apus may be"), in: subject(section))
    }
    return try reading(subject(section)) { () throws(ByteError) in
      try source.bytes(at: section.fileOffset, count: section.size)
    }
  }

  /// The first section named `name`.
  package func section(named name: String) -> ELFSection? { sections.first { $0.name == name } }

  /// How errors name a section.
  func subject(_ section: ELFSection) -> String { "section \(section.index) (\(section.name))" }

  /// Where in the file the byte at `address` (as linked) is, and how many follow it there.
  package func fileRange(at address: Address) -> (offset: UInt64, available: UInt64)? {
    if type == .relocatable {
      for section in sections where section.isAllocated && section.addresses.contains(address) {
        if section.isNoBits { return nil }
        let into = address - section.address
        return (section.fileOffset &+ into, section.size - into)
      }
      return nil
    }
    for segment in segments where segment.isLoaded && address >= segment.address {
      let into = address - segment.address
      if into < segment.fileSize { return (segment.fileOffset &+ into, segment.fileSize - into) }
    }
    return nil
  }

  /// The `count` bytes at `address` (as linked), from the file.
  package func bytes(at address: Address, count: UInt64) throws(ELFError) -> [UInt8] {
    let what = "the \(count) bytes at address \(hexadecimal(address))"
    guard let place = fileRange(at: address) else { throw ELFError(.unmapped(address: address), in: what) }
    guard count <= place.available else {
      throw ELFError(
        .bytes(ByteError(.pastEnd(needed: count, available: place.available), at: place.offset)), in: what)
    }
    return try reading(what) { () throws(ByteError) in try source.bytes(at: place.offset, count: count) }
  }

  /// At most `count` bytes at `address`: fewer where what is loaded there ends; none where nothing is.
  package func bytes(at address: Address, upTo count: UInt64) throws(ELFError) -> [UInt8] {
    guard let place = fileRange(at: address) else { return [] }
    return try bytes(at: address, count: min(count, place.available))
  }

  /// The machine code's ranges: text sections, or executable segments if there are no section headers.
  package var textRanges: [AddressRange] {
    let ranges =
      hasSectionHeaders
      ? sections.filter(\.isText).map(\.addresses)
      : segments.filter { $0.isLoaded && $0.isExecutable }.map(\.addresses)
    return ranges.filter { !$0.isEmpty }.sorted { $0.start < $1.start }
  }
}

extension ELFImage: MemoryReader {
  /// The bytes that the file puts at `address`, as linked: what an unwinder that works on the file reads.
  package func read(at address: Address, count: Int) throws(MemoryError) -> [UInt8] {
    guard count >= 0 else { throw MemoryError(address: address, count: count, reason: "a negative count") }
    do {
      return try bytes(at: address, count: UInt64(count))
    } catch {
      throw MemoryError(address: address, count: count, reason: error.description)
    }
  }
}

extension ELFImage {
  /// Whether it has call-frame information (`.eh_frame`, or its index where there are no section headers).
  package var hasUnwindTables: Bool {
    section(named: ".eh_frame") != nil || segments.contains { $0.type == SegmentType.ehFrameHeader }
  }

  /// Whether it has tables of exception handlers and cleanups (`.gcc_except_table`); true if that cannot be
  /// known, because there are no section headers.
  package var hasExceptionTables: Bool {
    guard hasSectionHeaders else { return hasUnwindTables }
    return sections.contains { $0.name == ".gcc_except_table" || $0.name.hasPrefix(".gcc_except_table.") }
  }
}
