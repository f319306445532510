package import ApusCore
package import ApusELF

/// A section of an object file with its relocations.
package struct ObjectSection: Sendable, Hashable {
  package var name: String
  /// `sh_type`.
  package var type: UInt32
  /// `sh_flags`.
  package var flags: UInt64
  /// `sh_addralign`, 1 at least.
  package var alignment: UInt64
  /// `sh_entsize`.
  package var entrySize: UInt64
  /// In bytes.
  package var size: UInt64
  /// The contents of a section that is part of the process and has some in the file; else empty.
  package var bytes: [UInt8]
  /// In order of offset.
  package var relocations: [ELFRelocation] = []
  /// Index of the group that it is a member of.
  package var group: Int?

  package init(
    name: String, type: UInt32, flags: UInt64, alignment: UInt64 = 1, entrySize: UInt64 = 0,
    bytes: [UInt8] = [], size: UInt64? = nil
  ) {
    self.name = name
    self.type = type
    self.flags = flags
    self.alignment = max(1, alignment)
    self.entrySize = entrySize
    self.bytes = bytes
    self.size = size ?? UInt64(bytes.count)
  }

  package var isAllocated: Bool { flags & SectionFlag.alloc != 0 }
  package var isCode: Bool { isAllocated && flags & SectionFlag.execute != 0 }
  package var isWritable: Bool { flags & SectionFlag.write != 0 }
  package var isThreadLocal: Bool { flags & SectionFlag.threadLocal != 0 }
  /// Whether its contents are in `bytes`, all of them.
  package var hasContents: Bool {
    isAllocated && type != SectionType.noBits && type != SectionType.null
  }
  /// Strings that a linker may merge.
  package var holdsStrings: Bool {
    let both = SectionFlag.merge | SectionFlag.strings
    return flags & both == both && entrySize == 1
  }

  /// The relocations at these offsets.
  package func relocations(in range: Range<UInt64>) -> ArraySlice<ELFRelocation> {
    let first = relocations.partitioningIndex { $0.offset >= range.lowerBound }
    let end = relocations[first...].partitioningIndex { $0.offset >= range.upperBound }
    return relocations[first..<end]
  }
}

/// An object file as a compiler leaves it (ET_REL): sections, symbols and what refers to what.
///
/// Numbers of sections and symbols are those of the file.
package struct ObjectFile: Sendable {
  package var architecture: Architecture
  /// Number 0 is empty.
  package var sections: [ObjectSection]
  /// Number 0 is empty.
  package var symbols: [ObjectSymbol]
  package var groups: [SectionGroup]
  /// It holds LLVM's bitcode: for which architecture is not known.
  package private(set) var isBitcode = false

  /// Reads an object file. Everything is checked: each relocation's symbol exists and its place is in its section.
  package init(_ image: ELFImage) throws(ELFError) {
    guard image.type == .relocatable else {
      throw ELFError(.malformed("it is linked, no object file (.o)"), in: "file header")
    }
    architecture = image.architecture
    symbols = try image.objectSymbols()
    groups = try image.sectionGroups(symbols)
    sections = []
    sections.reserveCapacity(image.sections.count)
    for section in image.sections {
      guard !section.isAllocated || section.alignment <= 1 << 20 && section.alignment.nonzeroBitCount <= 1
      else {
        throw ELFError(.malformed("an alignment of \(section.alignment)"), in: section.name)
      }
      // What has no contents may claim anything: sums of such sizes are not checked further on.
      guard !section.isAllocated || section.size <= 1 << 40 else {
        throw ELFError(.malformed("a size of \(section.size)"), in: section.name)
      }
      let isKept = section.isAllocated && !section.isNoBits
      sections.append(
        ObjectSection(
          name: section.name, type: section.type, flags: section.flags, alignment: section.alignment,
          entrySize: section.entrySize, bytes: isKept ? try image.contents(of: section) : [],
          size: section.size))
    }
    for (index, group) in groups.enumerated() {
      for member in group.members { sections[member].group = index }
    }
    for symbol in symbols {
      if let section = symbol.section, symbol.value > image.sections[section].size {
        throw ELFError(.malformed("symbol \(symbol.name) is beyond its section's end"), in: "symbol table")
      }
    }
    for section in image.sections where section.type == SectionType.rel {
      throw ELFError(.malformed("relocations without addends"), in: section.name)
    }
    var found: [[ELFRelocation]] = sections.map { _ in [] }
    var problem: ELFError?
    try image.forEachRelocation(ofSections: { $0.isAllocated }) { section, relocation in
      if relocation.symbol >= symbols.count {
        problem = ELFError(
          .malformed("a relocation names symbol \(relocation.symbol), which does not exist"), in: section.name
        )
      } else if relocation.offset >= section.size, relocation.type != 0 {
        problem = ELFError(
          .malformed("a relocation at \(hexadecimal(relocation.offset)), beyond its end"), in: section.name)
      } else {
        found[section.index].append(relocation)
      }
    }
    if let problem { throw problem }
    for index in sections.indices {
      // Several at one place keep their order: they are carried out one after the other.
      let sorted = found[index].enumerated().sorted {
        ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset)
      }
      sections[index].relocations = sorted.map(\.element)
    }
  }

  /// A file with nothing in it: what a new source file was before.
  package init(emptyFor architecture: Architecture) {
    self.architecture = architecture
    sections = [ObjectSection(name: "", type: SectionType.null, flags: 0)]
    symbols = [ObjectSymbol(name: "")]
    groups = []
  }

  /// Reads an object file's bytes; of bitcode, which clang -flto makes, nothing but that.
  package init(bytes: [UInt8]) throws(ELFError) {
    // ("BC" 0xC0DE: LLVM Bitcode File Format, "Magic Numbers".)
    if bytes.starts(with: [0x42, 0x43, 0xc0, 0xde]) {
      self.init(emptyFor: .x86_64)
      isBitcode = true
    } else {
      try self.init(ELFImage(source: bytes))
    }
  }

  /// The name of its source file, as the compiler says it.
  package var sourceName: String? { symbols.first { $0.kind == .file && !$0.name.isEmpty }?.name }

  /// Whether it has code for a link-time optimiser only.
  package var isForLinkTimeOptimisation: Bool {
    isBitcode || sections.contains { $0.name.hasPrefix(".gnu.lto_") || $0.name == ".llvm.lto" }
  }
}
