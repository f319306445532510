internal import ApusCore
internal import ApusELF
internal import ApusPatchObject

/// What the code of a module refers to, where an object file's code has relocations.
///
/// A linker has put addresses there, of which some can be read back; see ``LinkedCode``.
struct LinkedReferences {
  private let module: LinkedModule
  let table: AtomTable
  /// The function's atom in ``table``.
  let function: Int
  /// Where the function stands in the module.
  let start: Address
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
    return table.object.architecture.linkedCode.address(of: reference, in: self)
  }

  /// The 32-bit word of the linked code where the object file's code has a reference; nil if the module's file does not hold it.
  func word(at reference: Reference) -> UInt32? {
    bytes(at: reference, 0, count: 4).map { $0.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
  }

  /// `count` bytes of the linked code from `lead` bytes before a reference's place.
  func bytes(at reference: Reference, _ lead: UInt64, count: Int) -> [UInt8]? {
    module.bytes(at: start &+ reference.place &- lead, count: count)
  }
}
