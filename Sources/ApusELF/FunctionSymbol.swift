package import ApusCore

/// A function of a module: an address with code, and the names that it has.
package struct FunctionSymbol: Sendable, Hashable {
  /// What sort of function it is.
  package enum Kind: String, Sendable {
    /// STT_FUNC, or known only by its call site.
    case function
    /// STT_GNU_IFUNC: a resolver, which the dynamic linker (or a static program's start) calls to choose an
    /// implementation, before the thread pointer may be set.
    case resolver
  }

  /// How strong a name is, strongest first.
  package enum Binding: UInt8, Sendable, Comparable {
    /// STB_GLOBAL or STB_GNU_UNIQUE.
    case global
    /// STB_WEAK.
    case weak
    /// STB_LOCAL.
    case local

    package static func < (a: Binding, b: Binding) -> Bool { a.rawValue < b.rawValue }
  }

  /// The preferred name, mangled as in the file; `sub_` and the address if there is no symbol.
  package var name: String
  /// The other names at the same address, best first.
  package var aliases: [String]
  /// Where it begins, as linked. (In a relocatable file: see ``ELFSection/address``.)
  package var address: Address
  /// Its size in bytes; 0 if that is not known.
  package var size: UInt64
  /// How strong the preferred name is.
  package var binding: Binding
  /// What sort of function it is.
  package var kind: Kind
  /// The number of its section; 0 if that is not known.
  package var section: Int
  /// Whether no symbol names it, so that its name was made up.
  package var isSynthetic: Bool
  /// The distance in bytes from the address to the local entry, behind the set-up of the TOC pointer
  /// (ppc64le; 0 elsewhere).
  package var localEntryOffset: UInt64

  /// Where a call from the same module enters: the address, except on ppc64le.
  package var localEntry: Address { address &+ localEntryOffset }
  /// Its addresses; empty if its size is not known.
  package var addresses: AddressRange {
    AddressRange(address, address.addingReportingOverflow(size).overflow ? .max : address + size)
  }
  /// Whether it is no function but the part of one that the compiler moved away (`name.cold`).
  package var isColdPart: Bool { name.hasSuffix(".cold") || name.contains(".cold.") }
  /// All names, the preferred one first.
  package var names: [String] { [name] + aliases }
}

extension FunctionSymbol {
  /// A function that no symbol names.
  static func synthetic(at address: Address, size: UInt64, section: Int) -> FunctionSymbol {
    FunctionSymbol(
      name: "sub_" + String(address, radix: 16), aliases: [], address: address, size: size, binding: .local,
      kind: .function, section: section, isSynthetic: true, localEntryOffset: 0)
  }
}
