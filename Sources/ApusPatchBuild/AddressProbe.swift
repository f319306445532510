internal import ApusCore

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
      let isReferring = table.references(of: function).contains {
        if case .atom(atom, _) = $0.target { true } else { false }
      }
      let symbols = isReferring ? module.symbols(ofFunction: function, in: table) : []
      guard symbols.count == 1, let symbol = symbols.first else { continue }
      let references = LinkedReferences(of: function, in: table, at: symbol.address, of: module)
      result.formUnion(references.addresses(of: atom))
    }
    return result
  }
}
