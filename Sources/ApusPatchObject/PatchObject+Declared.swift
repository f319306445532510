internal import ApusELF

/// What hand-written patches declare beside their functions, by the macros of `Headers/apus_patch.h`.
extension PatchObject {
  /// A function of the patch that runs while it is applied to a module, or taken from it.
  package struct Callback: Sendable, Hashable {
    /// When, as the kernel's livepatch has it.
    package enum Moment: UInt32, Sendable, CaseIterable {
      /// Before functions are replaced; it may refuse.
      case prePatch = 0
      /// When all threads run the new ones.
      case postPatch = 1
      /// Before the old ones come back.
      case preUnpatch = 2
      /// When no thread runs a new one any more.
      case postUnpatch = 3

      /// As the macros and reports say it.
      package var name: String {
        switch self {
        case .prePatch: "pre_patch"
        case .postPatch: "post_patch"
        case .preUnpatch: "pre_unpatch"
        case .postUnpatch: "post_unpatch"
        }
      }
    }
    package var moment: Moment
    /// Index in ``PatchObject/modules``.
    package var module: Int
    /// Number of the function's symbol, which the patch defines.
    package var symbol: Int

    package init(_ moment: Moment, module: Int, symbol: Int) {
      self.moment = moment
      self.module = module
      self.symbol = symbol
    }
  }

  /// Memory that the patch keeps beside objects of the program.
  package struct ShadowVariable: Sendable, Hashable {
    package var id: UInt64
    /// In bytes.
    package var size: UInt64
    /// Numbers of the symbols of the patch's functions that begin and end it.
    package var constructor: Int?
    package var destructor: Int?

    package init(id: UInt64, size: UInt64, constructor: Int? = nil, destructor: Int? = nil) {
      self.id = id
      self.size = size
      self.constructor = constructor
      self.destructor = destructor
    }
  }

  /// What the patch changes in the process beyond its functions, for the patch that takes its place.
  package struct State: Sendable, Hashable {
    package var id: UInt64
    package var version: UInt32
    /// Number of the symbol of its `struct apus_state`: 24 bytes of the patch's data.
    package var symbol: Int

    package init(id: UInt64, version: UInt32, symbol: Int) {
      self.id = id
      self.version = version
      self.symbol = symbol
    }
  }

  /// In bytes: `struct apus_state`.
  package static let stateSize: UInt64 = 24

  /// What a patch may call that neither it nor a module has: `Headers/apus_patch.h` declares them.
  package static let providedFunctions: Set<String> = [
    "apus_shadow_get", "apus_shadow_alloc", "apus_shadow_get_or_alloc", "apus_shadow_free",
    "apus_shadow_free_all", "apus_state_previous",
  ]

  /// Renumbers symbols so that local ones come first, as ELF wants it (gABI, "Symbol Table").
  package mutating func putLocalSymbolsFirst() {
    let order = symbols.indices.sorted { a, b in
      let (left, right) = (symbols[a].binding == .local ? 0 : 1, symbols[b].binding == .local ? 0 : 1)
      return (left, a) < (right, b)
    }
    var renumbered = [Int](repeating: 0, count: symbols.count)
    for (new, old) in order.enumerated() { renumbered[old] = new }
    symbols = order.map { symbols[$0] }
    for section in sections.indices {
      for index in sections[section].relocations.indices {
        let symbol = Int(sections[section].relocations[index].symbol)
        sections[section].relocations[index].symbol = UInt32(renumbered[symbol])
      }
    }
    for index in functions.indices { functions[index].symbol = renumbered[functions[index].symbol] }
    for index in references.indices { references[index].symbol = renumbered[references[index].symbol] }
    for index in callbacks.indices { callbacks[index].symbol = renumbered[callbacks[index].symbol] }
    for index in states.indices { states[index].symbol = renumbered[states[index].symbol] }
    for index in shadowVariables.indices {
      let variable = shadowVariables[index]
      shadowVariables[index].constructor = variable.constructor.map { renumbered[$0] }
      shadowVariables[index].destructor = variable.destructor.map { renumbered[$0] }
    }
  }
}
