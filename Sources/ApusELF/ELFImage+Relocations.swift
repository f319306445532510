package import ApusCore

/// A relocation with its addend, an `Elf64_Rela` (gABI, "Relocation").
package struct ELFRelocation: Sendable, Hashable {
  /// `r_offset`: an address; in a relocatable file an offset in the section that it belongs to.
  package var offset: UInt64
  /// The low half of `r_info`: what to do, in the numbers of the architecture.
  package var type: UInt32
  /// The high half of `r_info`: a symbol's number, 0 for none.
  package var symbol: UInt32
  /// `r_addend`.
  package var addend: Int64

  package init(offset: UInt64, type: UInt32, symbol: UInt32, addend: Int64) {
    self.offset = offset
    self.type = type
    self.symbol = symbol
    self.addend = addend
  }

  init(_ reader: inout ByteReader) throws(ByteError) {
    offset = try reader.readUInt64()
    let info = try reader.readUInt64()
    type = UInt32(truncatingIfNeeded: info)
    symbol = UInt32(truncatingIfNeeded: info >> 32)
    addend = Int64(bitPattern: try reader.readUInt64())
  }
}

extension ELFImage {
  /// Calls `body` for each relocation that the dynamic linker carries out (DT_RELA, DT_JMPREL), in their
  /// order. They are found through the dynamic section, so they are there without section headers too.
  package func forEachDynamicRelocation(_ body: (ELFRelocation) -> Void) throws(ELFError) {
    if let address = dynamicValue(DynamicTag.rela), let size = dynamicValue(DynamicTag.relaSize) {
      let entry = dynamicValue(DynamicTag.relaEntrySize) ?? UInt64(RecordSize.rela)
      guard entry == UInt64(RecordSize.rela) else {
        throw ELFError(.malformed("entries of \(entry) bytes"), in: "dynamic relocations")
      }
      try forEachRelocation(try bytes(at: address, count: size), "dynamic relocations", body)
    }
    if let address = dynamicValue(DynamicTag.pltRelocations),
      let size = dynamicValue(DynamicTag.pltRelocationSize)
    {
      try forEachRelocation(try bytes(at: address, count: size), "PLT relocations", body)
    }
  }

  /// Calls `body` with the address of each word that a packed relative relocation (DT_RELR) adds the base to;
  /// the word itself holds the addend.
  package func forEachPackedRelocation(_ body: (Address) -> Void) throws(ELFError) {
    guard let address = dynamicValue(DynamicTag.relr), let size = dynamicValue(DynamicTag.relrSize) else {
      return
    }
    let bytes = try bytes(at: address, count: size)
    try reading("packed relocations") { () throws(ByteError) in
      // An even word is an address, and the word behind it is next; an odd word is a bitmap of the 63 words
      // from there on.
      var reader = ByteReader(bytes)
      var next: Address = 0
      while reader.remaining >= 8 {
        let word = try reader.readUInt64()
        if word & 1 == 0 {
          body(word)
          next = word &+ 8
        } else {
          var bits = word >> 1
          while bits != 0 {
            body(next &+ UInt64(bits.trailingZeroBitCount) &* 8)
            bits &= bits &- 1
          }
          next = next &+ 63 &* 8
        }
      }
    }
  }

  /// Calls `body` for each relocation of a relocatable file that belongs to a section `isWanted`, with that
  /// section.
  package func forEachRelocation(
    ofSections isWanted: (ELFSection) -> Bool, _ body: (ELFSection, ELFRelocation) -> Void
  ) throws(ELFError) {
    var read: UInt64 = 0
    for section in sections where section.type == SectionType.rela && section.info < sections.count {
      let target = sections[Int(section.info)]
      guard isWanted(target) else { continue }
      read = try spend(section.size, after: read, on: "relocations")
      try forEachRelocation(try contents(of: section), subject(section)) { body(target, $0) }
    }
  }

  private func forEachRelocation(
    _ bytes: [UInt8], _ subject: String, _ body: (ELFRelocation) -> Void
  ) throws(ELFError) {
    try reading(subject) { () throws(ByteError) in
      var reader = ByteReader(bytes)
      while reader.remaining >= RecordSize.rela { body(try ELFRelocation(&reader)) }
    }
  }
}
