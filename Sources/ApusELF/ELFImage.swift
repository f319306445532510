package import ApusCore

/// An ELF file, opened: its headers, checked; everything else is read when it is asked for.
///
/// 64-bit, little-endian, x86_64, arm64 or ppc64le. Nothing in the file is believed: each offset, count and
/// index is checked against the file's size before anything is allocated, and what does not fit is an
/// ``ELFError``. So memory is bounded by a small multiple of the file's size.
package struct ELFImage: Sendable {
  /// The file's bytes.
  package let source: any ByteSource
  /// What it runs on.
  package let architecture: Architecture
  /// What sort of object it is.
  package let type: ELFType
  /// `e_entry`: where a program starts; 0 if it does not.
  package let entryPoint: Address
  /// The program headers; none in a relocatable file.
  package let segments: [ELFSegment]
  /// The section headers, number 0 included; empty if they were removed (`llvm-strip --strip-sections`).
  package let sections: [ELFSection]
  /// The dynamic section, in its order, without the terminating null; empty if there is none.
  package let dynamicEntries: [ELFDynamicEntry]

  /// Opens a file whose bytes are `source`: an array, or a mapping behind ``BorrowedBytes``.
  package init(source: any ByteSource) throws(ELFError) {
    let header = try FileHeader(source)
    self.source = source
    architecture = header.architecture
    type = header.type
    entryPoint = header.entryPoint
    let first = try header.firstSection(source)
    segments = try header.readSegments(source, firstSection: first)
    sections = try header.readSections(source, firstSection: first)
    dynamicEntries = try ELFImage.readDynamicEntries(source, segments)
  }

  /// Whether there are section headers: without them call sites cannot be found.
  package var hasSectionHeaders: Bool { sections.count > 1 }
}

/// One entry of the dynamic section, an `Elf64_Dyn`.
package struct ELFDynamicEntry: Sendable, Hashable {
  /// `d_tag`.
  package var tag: Int64
  /// `d_val` or `d_ptr`.
  package var value: UInt64
}
