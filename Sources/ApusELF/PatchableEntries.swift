import ApusCore

/// The addresses in `__patchable_function_entries`: where the compiler says that it left nops.
struct PatchableEntries {
  /// The name of the sections; there may be many.
  static let sectionName = "__patchable_function_entries"

  /// The addresses in machine code, in order, each once.
  private(set) var addresses: [Address] = []
  /// What was left out.
  var ignored = IgnoredEntries()

  /// Reads the entries of `image` as they will be when it is loaded where it was linked to.
  ///
  /// An entry's value is, in a linked file, what a relative relocation says (its addend), or else what stands
  /// there already (a file at fixed addresses; packed relocations, which add to what is there). In a
  /// relocatable file it is a symbol and an addend.
  init(_ image: ELFImage) throws(ELFError) {
    let sections = image.sections.filter {
      $0.name == PatchableEntries.sectionName && !$0.isNoBits && $0.size >= 8
    }
    guard !sections.isEmpty else { return }
    var words = try Words(image, sections)
    if image.type == .relocatable {
      try words.relocateObject()
    } else {
      try words.relocateLinked()
    }
    let text = TextRanges(image.textRanges)
    for value in words.values.sorted() {
      if value == 0 {
        ignored.zero += 1
      } else if !text.contains(value) {
        ignored.outOfText += 1
      } else if addresses.last == value {
        ignored.duplicate += 1
      } else {
        addresses.append(value)
      }
    }
  }

  /// The 8-byte words of the sections, side by side in the order of their addresses.
  private struct Words {
    let image: ELFImage
    var values: [UInt64] = []
    /// For each section in order of addresses: its range and the index of its first word.
    private var places: [(range: AddressRange, first: Int)] = []

    init(_ image: ELFImage, _ sections: [ELFSection]) throws(ELFError) {
      self.image = image
      var read: UInt64 = 0
      for section in sections.sorted(by: { $0.address < $1.address }) {
        read = try image.spend(section.size, after: read, on: PatchableEntries.sectionName)
        let bytes = try image.contents(of: section)
        places.append((section.addresses, values.count))
        try reading(image.subject(section)) { () throws(ByteError) in
          var reader = ByteReader(bytes)
          while reader.remaining >= 8 { values.append(try reader.readUInt64()) }
        }
      }
    }

    /// The index of the word at `address`.
    private func index(_ address: Address) -> Int? {
      var low = 0
      var high = places.count
      while low < high {
        let middle = (low + high) / 2
        if places[middle].range.start <= address { low = middle + 1 } else { high = middle }
      }
      guard low > 0, places[low - 1].range.contains(address) else { return nil }
      let into = address - places[low - 1].range.start
      let index = places[low - 1].first + Int(into / 8)
      let end = low < places.count ? places[low].first : values.count
      return into % 8 == 0 && index < end ? index : nil
    }

    mutating func relocateLinked() throws(ELFError) {
      let relative = image.architecture.machineConstants.relative
      let absolute = image.architecture.machineConstants.absolute64
      var found: [(Int, ELFRelocation)] = []
      try image.forEachDynamicRelocation { relocation in
        guard relocation.type == relative || relocation.type == absolute else { return }
        if let index = index(relocation.offset) { found.append((index, relocation)) }
      }
      var symbols: ELFSymbolTable?
      for (index, relocation) in found {
        let addend = UInt64(bitPattern: relocation.addend)
        if relocation.type == relative {
          values[index] = addend
          continue
        }
        if symbols == nil { symbols = try image.dynamicSymbols() }
        guard let table = symbols, relocation.symbol < table.symbols.count else {
          throw ELFError(.malformed("symbol \(relocation.symbol) does not exist"), in: "dynamic relocations")
        }
        let symbol = table.symbols[Int(relocation.symbol)]
        values[index] = symbol.isDefined ? symbol.value &+ addend : 0
      }
      // Packed relocations leave the value in place, so there is nothing to do for them.
    }

    mutating func relocateObject() throws(ELFError) {
      let absolute = image.architecture.machineConstants.absolute64
      var found: [(Address, ELFRelocation)] = []
      try image.forEachRelocation(ofSections: { $0.name == PatchableEntries.sectionName }) {
        section, relocation in
        if relocation.type == absolute { found.append((section.address &+ relocation.offset, relocation)) }
      }
      guard !found.isEmpty else { return }
      guard let table = try image.fullSymbols() else {
        throw ELFError(.malformed("there are relocations but no symbols"), in: PatchableEntries.sectionName)
      }
      for (address, relocation) in found {
        guard let index = index(address) else { continue }
        guard relocation.symbol < table.symbols.count else {
          throw ELFError(
            .malformed("symbol \(relocation.symbol) does not exist"), in: PatchableEntries.sectionName)
        }
        let base = image.address(of: table.symbols[Int(relocation.symbol)])
        values[index] = base.map { $0 &+ UInt64(bitPattern: relocation.addend) } ?? 0
      }
    }
  }
}

/// Entries of the table of call sites that lead nowhere, which is normal, and is counted.
package struct IgnoredEntries: Sendable, Hashable {
  /// Zeros: the linker removed the function, or merged it with another file's.
  package var zero = 0
  /// Addresses outside of the machine code.
  package var outOfText = 0
  /// The same address again.
  package var duplicate = 0

  /// Nothing left out.
  package init() {}
}
