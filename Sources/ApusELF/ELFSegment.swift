package import ApusCore

/// A program header, `Elf64_Phdr` (gABI, "Program Header").
package struct ELFSegment: Sendable, Hashable {
  /// `p_type`.
  package var type: UInt32
  /// `p_flags`: 1 execute, 2 write, 4 read.
  package var flags: UInt32
  /// `p_offset`: where the bytes begin in the file.
  package var fileOffset: UInt64
  /// `p_vaddr`.
  package var address: Address
  /// `p_filesz`: the number of bytes in the file.
  package var fileSize: UInt64
  /// `p_memsz`: the number of bytes in memory; behind those of the file, zeros.
  package var memorySize: UInt64
  /// `p_align`.
  package var alignment: UInt64

  init(_ reader: inout ByteReader) throws(ByteError) {
    type = try reader.readUInt32()
    flags = try reader.readUInt32()
    fileOffset = try reader.readUInt64()
    address = try reader.readUInt64()
    _ = try reader.readUInt64()
    fileSize = try reader.readUInt64()
    memorySize = try reader.readUInt64()
    alignment = try reader.readUInt64()
  }

  /// Whether it is loaded (PT_LOAD).
  package var isLoaded: Bool { type == SegmentType.load }
  /// Whether it is text (PF_X).
  package var isExecutable: Bool { flags & 1 != 0 }
  /// Whether the process may read it.
  package var isReadable: Bool { flags & 4 != 0 }
  /// The addresses that it takes up when loaded as linked; cut off at the end of the address space.
  package var addresses: AddressRange {
    AddressRange(address, address.addingReportingOverflow(memorySize).overflow ? .max : address + memorySize)
  }
}
