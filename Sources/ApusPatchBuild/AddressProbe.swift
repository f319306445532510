internal import ApusCore
internal import ApusELF
internal import ApusPatchObject

/// Finds the address of something by what the linker wrote into the code that refers to it.
struct AddressProbe {
  private let module: LinkedModule
  private let table: AtomTable

  init(_ module: LinkedModule, _ table: AtomTable) {
    self.module = module
    self.table = table
  }

  /// The addresses that the functions of an object file have for one of its atoms; none if no function refers to it plainly.
  func addresses(of atom: Int) -> Set<Address> {
    var result: Set<Address> = []
    for function in table.atoms.indices where table.atoms[function].kind == .code {
      let references = table.references(of: function).filter {
        if case .atom(let target, _) = $0.target { return target == atom }
        return false
      }
      let symbols = references.isEmpty ? [] : module.symbols(ofFunction: function, in: table)
      guard symbols.count == 1, let symbol = symbols.first else { continue }
      for reference in references {
        guard case .atom(_, let offset) = reference.target,
          let address = value(reference, of: function, at: symbol.address)
        else { continue }
        result.insert(address &- UInt64(bitPattern: offset))
      }
    }
    return result
  }

  /// What a plain reference of a function that stands at `start` came to be.
  private func value(_ reference: Reference, of function: Int, at start: Address) -> Address? {
    guard table.object.architecture == .x86_64 else { return nil }
    let place = start &+ reference.place
    guard let bytes = try? module.image.bytes(at: place, count: 4) else { return nil }
    let field = bytes.enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element) << UInt32(8 * $1.offset) }
    let signed = UInt64(bitPattern: Int64(Int32(bitPattern: field)))
    switch reference.type {
    case 2:
      // PC32: relative to the end of the instruction, which the distance in the table's offset has taken out.
      let relocation = table.object.sections[table.atoms[function].section]
        .relocations(in: table.atoms[function].range).first {
          $0.offset - table.atoms[function].range.lowerBound == reference.place
        }
      guard let relocation, case .atom(let atom, let offset) = reference.target else { return nil }
      let symbol = table.object.symbols[Int(relocation.symbol)]
      let base = symbol.kind == .section ? 0 : Int64(symbol.value)
      let bias = Int64(table.atoms[atom].range.lowerBound) &+ offset &- base &- relocation.addend
      return place &+ signed &+ UInt64(bitPattern: bias)
    case 10: return UInt64(field)  // 32
    case 11: return signed  // 32S
    default: return nil
    }
  }
}
