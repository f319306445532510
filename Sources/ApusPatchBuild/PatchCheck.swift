internal import ApusCore
package import ApusELF
package import ApusPatchObject

/// Whether a patch could be applied to programs and libraries, as far as their files tell.
package struct PatchCheck {
  /// What one thing was found to be.
  package struct Finding: Sendable, Hashable {
    package var isGood: Bool
    package var text: String
  }

  package private(set) var findings: [Finding] = []
  package var isGood: Bool { findings.allSatisfy(\.isGood) }

  private let patch: PatchObject
  /// For each of the patch's modules, the file.
  private var modules: [LinkedModule?] = []
  /// Names that some file exports.
  private var exported: Set<String> = []

  /// - Parameters:
  ///   - files: the programs and libraries, those that they need included if they can be had: what these export resolves
  ///     references, too.
  ///   - others: libraries that only export.
  package init(_ patch: PatchObject, files: [LinkedModule], others: [ELFImage]) throws(ELFError) {
    self.patch = patch
    for image in files.map(\.image) + others {
      exported.formUnion(try Self.exports(image))
    }
    for module in patch.modules { findModule(module, files) }
    try checkFunctions()
    checkReferences()
  }

  /// The names that a file exports, without versions.
  static func exports(_ image: ELFImage) throws(ELFError) -> Set<String> {
    var result: Set<String> = []
    for symbol in try image.importedAndExported() where !symbol.isUndefined && symbol.binding != .local {
      result.insert(symbol.name.split(separator: "@", maxSplits: 1).first.map(String.init) ?? symbol.name)
    }
    return result
  }

  private mutating func note(_ isGood: Bool, _ text: String) {
    findings.append(Finding(isGood: isGood, text: text))
  }

  private mutating func findModule(_ module: PatchObject.Module, _ files: [LinkedModule]) {
    let found =
      files.first { !module.buildID.isEmpty && $0.identity.buildID == module.buildID }
      ?? files.first { $0.name == module.name }
    modules.append(found)
    guard let found else { return note(false, "\(module.name): not among the files that were given") }
    guard found.image.architecture == patch.architecture else {
      return note(
        false, "\(found.path): is for \(found.image.architecture), the patch for \(patch.architecture)")
    }
    let id = found.identity.buildID
    if module.buildID.isEmpty {
      note(true, "\(module.name): no build-id to compare, only names and addresses")
    } else if id == module.buildID {
      note(true, "\(module.name): build-id \(Self.text(id))")
    } else {
      let other = id.isEmpty ? "none" : Self.text(id)
      note(false, "\(module.name): build-id \(Self.text(module.buildID)), but the file's is \(other)")
    }
  }

  private static func text(_ id: [UInt8]) -> String {
    id.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Where something is in its module; nil if it is not there, or elsewhere.
  private func resolve(_ place: PatchObject.Place) -> LinkedModule.Symbol? {
    guard let module = modules[place.module] else { return nil }
    let found = module.symbols(
      named: place.name, isLocal: !place.file.isEmpty, file: place.file.isEmpty ? nil : place.file)
    return found.first {
      $0.position == place.position && (place.address == 0 || $0.address == place.address)
    }
  }

  private mutating func checkFunctions() throws(ELFError) {
    var sites: [Int: CallSites] = [:]
    for (index, module) in modules.enumerated() {
      if let module { sites[index] = try CallSites(module.image) }
    }
    for function in patch.functions { checkEntry(function.old, "replaced", sites) }
    for place in patch.quiescent { checkEntry(place, "quiescent, noticed", sites) }
  }

  /// Whether a function is where the patch has it, and its entry can be made to lead elsewhere.
  private mutating func checkEntry(_ place: PatchObject.Place, _ purpose: String, _ sites: [Int: CallSites]) {
    guard modules[place.module] != nil else { return }
    guard let symbol = resolve(place) else {
      return note(
        false, "\(place.name): not at \(hexadecimal(place.address)) of \(patch.modules[place.module].name)")
    }
    switch FunctionEntry(symbol, sites[place.module], patch.architecture) {
    case .site(let kind): note(true, "\(place.name): \(purpose) at its call site (\(kind))")
    case .refused(let refusal): note(false, "\(place.name): its call site cannot be used: \(refusal)")
    case .instructions:
      note(true, "\(place.name): has no call site; its first instructions are to be moved")
    case .tooSmall(let size):
      note(false, "\(place.name): has no call site, and its \(size) bytes are too few for a jump")
    }
  }

  private mutating func checkReferences() {
    for reference in patch.references {
      let place = reference.place
      guard modules[place.module] != nil else { continue }
      switch reference.kind {
      case .module:
        if resolve(place) == nil {
          let file = place.file.isEmpty ? "" : " of \(place.file)"
          note(
            false,
            "\(place.name)\(file): not at \(hexadecimal(place.address)) of \(patch.modules[place.module].name)"
          )
        } else {
          note(true, "\(place.name): at \(hexadecimal(place.address))")
        }
      case .imported:
        let isWeak = patch.symbols[reference.symbol].binding == .weak
        let isKnown = exported.contains(place.name) || Self.ofLinker.contains(place.name)
        note(
          isKnown || isWeak,
          "\(place.name): \(isKnown ? "exported" : isWeak ? "weak, and nobody has it" : "no file has it")")
      case .provided:
        let isKnown = PatchObject.providedFunctions.contains(place.name)
        note(isKnown, "\(place.name): \(isKnown ? "provided by apus" : "this apus does not provide it")")
      }
    }
  }

  /// What linkers define.
  static let ofLinker: Set<String> = [
    "_GLOBAL_OFFSET_TABLE_", ".TOC.", "__tls_get_addr", "__ehdr_start", "_end", "__dso_handle",
  ]
}
