internal import ApusCore
internal import ApusELF
internal import ApusPatchObject

/// What the code of a module refers to, where an object file's code has relocations.
///
/// A linker has put addresses there, of which some can be read back: those of plain references on x86-64 (PC32, PLT32, 32 and 32S),
/// calls and jumps on arm64 and ppc64le, and what `adrp` and `add` make on arm64. What it may have led by another way (a GOT, a PLT,
/// a veneer) is not looked at, nor are calls of local entries on ppc64le, where no symbol stands.
struct LinkedReferences {
  private let module: LinkedModule
  private let table: AtomTable
  private let function: Int
  /// Where the function stands in the module.
  private let start: Address
  /// By the place in the object file's code, counted from `start`, if the two codes are laid out in other ways.
  private let destinations: [Int: Address]?

  init(
    of function: Int, in table: AtomTable, at start: Address, of module: LinkedModule,
    destinations: [Int: Address]? = nil
  ) {
    self.destinations = destinations
    self.module = module
    self.table = table
    self.function = function
    self.start = start
  }

  /// Whether one of them leads to something else than the object file says: to what has other names only, or to another number. What
  /// cannot be told speaks for the function.
  var areOthers: Bool {
    table.references(of: function).contains { reference in
      guard let address = address(of: reference) else { return false }
      switch reference.target {
      case .absolute: return false
      case .symbol(let name, let offset):
        return isOther([name], at: address &- UInt64(bitPattern: offset))
      case .atom(let atom, let offset):
        let start = address &- UInt64(bitPattern: offset)
        // (Compilers' own labels name nothing.)
        let names = table.atoms[atom].symbols.map { table.object.symbols[$0].name }
        return names.allSatisfy { $0.hasPrefix(".L") }
          ? isOther(constant: atom, at: start) : isOther(names, at: start)
      }
    }
  }

  /// Whether the module has one of these names elsewhere, and at the address others only that have nothing to do with them. (Linkers make
  /// names of their own of them, for veneers and wrappers. A name that the module has not, or not any more, says nothing.)
  private func isOther(_ names: [String], at address: Address) -> Bool {
    let there = module.names(at: address)
    guard !there.isEmpty, names.contains(where: module.hasName) else { return false }
    let roots = names.map { name in name.split(separator: ".").first.map(String.init) ?? name }
    return !there.contains { name in roots.contains { name.contains($0) } }
  }

  /// Whether a number that linkers merge is another one there. (Strings may be: the path of a source, a date.)
  private func isOther(constant atom: Int, at address: Address) -> Bool {
    let flags = table.object.sections[table.atoms[atom].section].flags
    guard flags & SectionFlag.merge != 0, flags & SectionFlag.strings == 0,
      table.references(of: atom).isEmpty, let bytes = table.bytes(of: atom)
    else { return false }
    return module.bytes(at: address, count: bytes.count).map { !bytes.elementsEqual($0) } ?? false
  }

  // MARK: Addresses

  /// The addresses that the function has for an atom.
  func addresses(of atom: Int) -> [Address] {
    table.references(of: function).compactMap {
      guard case .atom(atom, let offset) = $0.target, let address = address(of: $0) else { return nil }
      return address &- UInt64(bitPattern: offset)
    }
  }

  /// What a reference came to be; nil if that cannot be read back. The table has taken out what the instruction adds.
  private func address(of reference: Reference) -> Address? {
    if let destinations { return destinations[Int(reference.place)].map { start &+ $0 } }
    let place = start &+ reference.place
    guard let word = module.bytes(at: place, count: 4).map(Self.word) else { return nil }
    let signed = UInt64(bitPattern: Int64(Int32(bitPattern: word)))
    // (Linkers rewrite the calls of __tls_get_addr, and what is there then is no call.)
    let isCall = module.bytes(at: place &- 1, count: 1).map { $0 == [0xe8] || $0 == [0xe9] } ?? false
    switch table.object.architecture {
    case .x86_64:
      switch reference.type {
      case 4 where !isCall && !isConditional(place): return nil  // PLT32
      case 2, 4: return bias(reference).map { place &+ signed &+ $0 }  // PC32, PLT32
      case 10: return UInt64(word)  // 32
      case 11: return signed  // 32S
      default: return nil
      }
    case .arm64:
      switch reference.type {
      case 282, 283:  // JUMP26, CALL26: b or bl
        return word >> 26 & 0x1f == 5 ? place &+ Self.signed(word, bits: 26) << 2 : nil
      case 275: return paged(reference, place, word)  // ADR_PREL_PG_HI21
      default: return nil
      }
    case .ppc64le:
      guard reference.type == 10, word >> 26 == 18, word & 2 == 0 else { return nil }  // REL24: b or bl
      return place &+ Self.signed(word >> 2, bits: 24) << 2
    }
  }

  /// x86-64: whether the distance at `place` is that of a conditional jump, 0F 80 to 8F.
  private func isConditional(_ place: Address) -> Bool {
    module.bytes(at: place &- 2, count: 2).map { $0[0] == 0x0f && $0[1] & 0xf0 == 0x80 } ?? false
  }

  /// The page that an `adrp` has, and the place in it that an `add` for the same has (ADD_ABS_LO12_NC).
  private func paged(_ reference: Reference, _ place: Address, _ adrp: UInt32) -> Address? {
    let low = table.references(of: function).first { $0.type == 277 && $0.target == reference.target }
    guard let low, let add = module.bytes(at: start &+ low.place, count: 4).map(Self.word),
      adrp & 0x9f00_0000 == 0x9000_0000, add & 0xffc0_0000 == 0x9100_0000
    else { return nil }
    let pages = Self.signed((adrp >> 5 & 0x7ffff) << 2 | adrp >> 29 & 3, bits: 21)
    return (place & ~0xfff) &+ pages << 12 &+ UInt64(add >> 10 & 0xfff)
  }

  /// On x86-64: what is between the relocation's place and the end of its instruction, which the table's offset has taken out
  /// of the addend.
  private func bias(_ reference: Reference) -> UInt64? {
    let range = table.atoms[function].range
    let offset = range.lowerBound + reference.place
    let relocations = table.object.sections[table.atoms[function].section].relocations(
      in: offset..<offset + 1)
    guard let relocation = relocations.first(where: { $0.type == reference.type }) else { return nil }
    let symbol = table.object.symbols[Int(relocation.symbol)]
    let found: Int64
    switch reference.target {
    case .atom(let atom, let offset):
      found =
        Int64(table.atoms[atom].range.lowerBound) &+ offset
        &- (symbol.kind == .section ? 0 : Int64(symbol.value))
    case .symbol(_, let offset): found = offset
    case .absolute: return nil
    }
    return UInt64(bitPattern: found &- relocation.addend)
  }

  private static func word(_ bytes: [UInt8]) -> UInt32 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  private static func signed(_ value: UInt32, bits: UInt32) -> UInt64 {
    UInt64(bitPattern: Int64(Int32(bitPattern: value << (32 - bits)) >> Int32(32 - bits)))
  }
}
