package import ApusCore
package import ApusELF
internal import ApusISA
package import ApusPatchObject

/// A program or library as it was linked, and what its symbol table says.
package struct LinkedModule {
  /// A symbol that stands for a place.
  package struct Symbol: Sendable, Hashable {
    package var name: String
    /// The source file of a local symbol; empty of others.
    package var file: String
    /// Of several local ones of this name and file, which.
    package var position: Int
    package var address: Address
    package var size: UInt64
    package var isFunction: Bool
    /// It is a function or a variable, not a mere label (STT_NOTYPE).
    var isTyped: Bool
    package var isThreadLocal: Bool
    /// It chooses a function (IFUNC).
    package var isIndirect: Bool
    /// Seen in its module only (STV_HIDDEN): a linker makes such symbols local.
    package var isHidden: Bool
  }

  package private(set) var path: String
  package private(set) var image: ELFImage
  private var buildID: [UInt8]
  private var symbols: [Symbol] = []
  private var byName: [String: [Int]] = [:]
  private var byAddress: [Address: [Int]] = [:]

  /// The file's name without directories.
  package var name: String { path.split(separator: "/").last.map(String.init) ?? path }

  /// What a patch says of it.
  package var identity: PatchObject.Module { PatchObject.Module(name: name, buildID: buildID) }

  /// Reads the symbols of a file.
  package init(path: String, image: ELFImage) throws(ELFError) {
    self.path = path
    self.image = image
    buildID = try image.buildID() ?? []
    var file = ""
    var positions: [String: Int] = [:]
    for symbol in try image.objectSymbols() {
      if symbol.kind == .file {
        file = symbol.name
        continue
      }
      let isThreadLocal = symbol.kind == .threadLocal
      guard symbol.section != nil || symbol.place == .absolute, symbol.kind != .section, !symbol.name.isEmpty
      else {
        continue
      }
      let isLocal = symbol.binding == .local
      // A version that the linker has appended says nothing about this module's own.
      let name = symbol.name.split(separator: "@", maxSplits: 1).first.map(String.init) ?? symbol.name
      let position = isLocal ? positions["\(file)\u{0}\(name)", default: 0] : 0
      if isLocal { positions["\(file)\u{0}\(name)"] = position + 1 }
      byName[name, default: []].append(symbols.count)
      if let section = symbol.section, !isThreadLocal, image.sections[section].isAllocated {
        byAddress[symbol.value, default: []].append(symbols.count)
      }
      symbols.append(
        Symbol(
          name: name, file: isLocal ? file : "", position: position, address: symbol.value, size: symbol.size,
          isFunction: symbol.isFunction, isTyped: symbol.kind != .none, isThreadLocal: isThreadLocal,
          isIndirect: symbol.kind == .indirectFunction, isHidden: symbol.other & 3 == 2))
    }
  }

  /// Whether the code is the same, byte for byte and address for address.
  package func hasSameText(as other: LinkedModule) -> Bool {
    func text(_ module: LinkedModule) -> [UInt8]? {
      module.image.section(named: ".text").flatMap { try? module.image.contents(of: $0) }
    }
    guard let own = image.section(named: ".text"), let others = other.image.section(named: ".text") else {
      return false
    }
    return own.address == others.address && text(self) == text(other)
  }

  /// This module's symbols for another file that has none.
  package func standing(for other: LinkedModule) -> LinkedModule {
    var result = self
    result.path = other.path
    result.image = other.image
    result.buildID = other.buildID
    return result
  }

  /// Whether it has its symbols.
  package var hasSymbols: Bool { !symbols.isEmpty }

  /// The symbols of a name that an object file's symbol may stand for: local ones of that source file, or the one that all see.
  package func symbols(named name: String, isLocal: Bool, file: String?) -> [Symbol] {
    let all = (byName[name] ?? []).map { symbols[$0] }
    // (A linker may have made a hidden symbol local; then it has no file, or the last file's.)
    guard isLocal else {
      let global = all.filter { $0.file.isEmpty }
      return global.isEmpty ? all.filter(\.isHidden) : global
    }
    return all.filter { !$0.file.isEmpty && (file == nil || $0.file == file) }
  }

  /// Those of a name that all files see, else those of single files.
  package func visibleSymbols(named name: String) -> [Symbol] {
    let shared = symbols(named: name, isLocal: false, file: nil)
    return shared.isEmpty ? allSymbols(named: name) : shared
  }

  /// All of a name, whichever file's.
  package func allSymbols(named name: String) -> [Symbol] { (byName[name] ?? []).map { symbols[$0] } }

  /// What begins at an address.
  func symbols(at address: Address) -> [Symbol] { (byAddress[address] ?? []).map { symbols[$0] } }

  /// The names of the function or variable that begins at an address; none if there are only labels.
  func names(at address: Address) -> [String] {
    let there = symbols(at: address)
    return there.contains(where: \.isTyped) ? there.map(\.name) : []
  }

  /// Whether anything has this name.
  func hasName(_ name: String) -> Bool { byName[name] != nil }

  /// What the file holds for an address; nil if that is less.
  func bytes(at address: Address, count: Int) -> [UInt8]? {
    try? image.bytes(at: address, count: UInt64(count))
  }

  /// Whether the code at `address` is that of a function of an object file, apart from what relocations change.
  package func hasCode(of function: Int, in table: AtomTable, at address: Address) -> Bool {
    guard let code = table.bytes(of: function), !code.isEmpty,
      let there = bytes(at: address, count: code.count)
    else { return false }
    let open = openBytes(of: function, in: table)
    return zip(code, there).enumerated().allSatisfy { $1.0 == $1.1 || open.contains($0) }
  }

  /// The bytes of a function's code that relocations change, counted from its start.
  private func openBytes(of function: Int, in table: AtomTable) -> Set<Int> {
    table.references(of: function).reduce(into: []) {
      $0.formUnion(RelocationExtent.changed($1.type, at: Int($1.place), table.object.architecture))
    }
  }

  /// The same, where jumps may be longer or shorter, of a function whose size is known: where references lead, by their place in the
  /// object file's code, counted from the function's start; nil if it has other code.
  private func relaxedDestinations(
    of function: Int, in table: AtomTable, _ symbol: Symbol
  ) -> [Int: Address]? {
    guard let code = table.bytes(of: function), !code.isEmpty,
      symbol.size <= UInt64(2 * code.count + 64),
      let there = bytes(at: symbol.address, count: Int(symbol.size))
    else { return nil }
    return RelaxedCode.destinations(
      Array(code), there, open: openBytes(of: function, in: table), table.object.architecture)
  }

  /// The symbols that a function of an object file may have become: those of its name with its code, one for each place.
  ///
  /// - Parameter plain: the same object as it is without the flags that a patch's builds add, which may change code
  ///   (section anchors, for one).
  package func symbols(ofFunction function: Int, in table: AtomTable, plain: AtomTable? = nil) -> [Symbol] {
    var places: Set<Address> = []
    let all = named(function, in: table)
    var same = found(function, in: table, among: all)
    if same == nil, let plain, let name = table.symbol(of: function)?.name {
      let others = plain.atoms.indices.filter {
        plain.atoms[$0].kind == .code && plain.symbol(of: $0)?.name == name
      }
      same = others.compactMap { found($0, in: plain, among: all) }.flatMap { $0 }
    }
    return (same ?? []).filter { places.insert($0.address).inserted }
  }

  /// Whether the module has a function of an object file by its name and its code, whatever that refers to.
  func hasCode(of function: Int, in table: AtomTable) -> Bool {
    named(function, in: table).contains {
      hasCode(of: function, in: table, at: $0.address)
        || relaxedDestinations(of: function, in: table, $0) != nil
    }
  }

  /// Those among symbols that have a function's code and refer to the same; nil if none has its code.
  private func found(_ function: Int, in table: AtomTable, among all: [Symbol]) -> [Symbol]? {
    var candidates = all.filter { hasCode(of: function, in: table, at: $0.address) }.map {
      ($0, LinkedReferences(of: function, in: table, at: $0.address, of: self))
    }
    if candidates.isEmpty {
      candidates = all.compactMap { symbol in
        relaxedDestinations(of: function, in: table, symbol).map {
          (symbol, LinkedReferences(of: function, in: table, at: symbol.address, of: self, destinations: $0))
        }
      }
    }
    return candidates.isEmpty ? nil : candidates.filter { !$0.1.areOthers }.map(\.0)
  }

  /// Those of its name, whatever their code.
  package func named(_ function: Int, in table: AtomTable) -> [Symbol] {
    guard let symbol = table.symbol(of: function) else { return [] }
    return symbols(named: symbol.name, isLocal: symbol.binding == .local, file: table.object.sourceName)
  }

  /// How many functions of an object file the module has by name, and of how many the code is the same.
  package func functions(of table: AtomTable) -> (same: Int, all: Int) {
    var result = (same: 0, all: 0)
    for atom in table.atoms.indices where table.atoms[atom].kind == .code {
      guard table.symbol(of: atom)?.isFunction ?? false, !named(atom, in: table).isEmpty else { continue }
      result.all += 1
      if !symbols(ofFunction: atom, in: table).isEmpty { result.same += 1 }
    }
    return result
  }

  /// As it stands in a patch.
  package func place(_ symbol: Symbol, module: Int) -> PatchObject.Place {
    PatchObject.Place(
      module: module, name: symbol.name, file: symbol.file, position: symbol.position,
      address: symbol.address,
      size: symbol.size)
  }
}
