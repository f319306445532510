package import ApusCore

/// Why a patch cannot be linked at a place.
package enum LinkError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A relocation that cannot be carried out.
  case relocation(LinkPlace, Problem)
  /// The patch defines something where no linker can put it: thread-local, common, or in a section that is not loaded.
  case symbol(String, String)
  /// More than a gibibyte.
  case tooLarge(UInt64)
  /// Two different slots' distances or a base that does not fit.
  case misplaced(Address, alignment: UInt64)

  /// What is wrong with a relocation.
  package enum Problem: Sendable, Hashable {
    /// A type that compilers do not write into object files, or of instruction sets that Apus does not know.
    case unknownType
    /// The value does not fit. It is an address difference where the name of the relocation says so.
    case outOfRange(Int64)
    /// The value is no multiple of this.
    case misaligned(Int64, to: Int64)
    /// The field is not in its section.
    case beyondSection
    /// Nobody has said where the symbol is.
    case unbound
    /// A thread-local variable is wanted and the symbol is none, or the other way round.
    case kind
    /// The module's thread-local block has no fixed place from the thread pointer.
    case noThreadOffset
    /// The module has no number for `__tls_get_addr`.
    case noModuleNumber
    /// A call of another module with no instruction behind it that could load the TOC pointer again.
    case noTOCRestore
    /// An instruction that is not what the relocation is for.
    case unexpectedInstruction
  }

  package var description: String {
    switch self {
    case .relocation(let place, let problem): "\(place): \(problem)"
    case .symbol(let name, let what): "\(name): \(what)"
    case .tooLarge(let size): "the patch would need \(size) bytes of memory: let it allocate large arrays"
    case .misplaced(let base, let alignment): "\(hexadecimal(base)) is no multiple of \(alignment)"
    }
  }
}

/// Where a relocation is and what it refers to.
package struct LinkPlace: Sendable, Hashable, CustomStringConvertible {
  package var section: String
  package var offset: UInt64
  /// The relocation's name.
  package var relocation: String
  package var symbol: String
  package var addend: Int64

  package var description: String {
    let target = symbol.isEmpty ? "" : " against \(symbol)"
    let distance = addend == 0 ? "" : addend < 0 ? " - \(addend.magnitude)" : " + \(addend)"
    return "\(section) + \(hexadecimal(offset)): \(relocation)\(target)\(distance)"
  }
}

extension LinkError.Problem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unknownType:
      "this relocation is not known: compile for the usual code model and instruction set (no -mcmodel, -march)"
    case .outOfRange(let value):
      "the value \(value < 0 ? "-" : "")\(hexadecimal(value.magnitude)) does not fit: the patch is too far away"
    case .misaligned(let value, let alignment): "the value \(value) is no multiple of \(alignment)"
    case .beyondSection: "it is beyond its section's end"
    case .unbound: "the symbol has no address: neither the program nor its libraries have it"
    case .kind:
      "one of the two is thread-local, the other is not: declare the variable as the program does"
    case .noThreadOffset:
      "the module's thread-local variables have no fixed place from the thread pointer: compile with -ftls-model=global-dynamic"
    case .noModuleNumber:
      "the module's number for __tls_get_addr is not known: let a function of the program give the variable's address"
    case .noTOCRestore:
      "no nop is behind the call, so the TOC pointer cannot be restored: call it through a pointer, or compile with -fPIC"
    case .unexpectedInstruction:
      "the instruction is not one that this relocation belongs to: was the object changed after it was compiled?"
    }
  }
}
