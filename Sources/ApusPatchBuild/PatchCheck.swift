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
      for symbol in try image.importedAndExported() where !symbol.isUndefined && symbol.binding != .local {
        exported.insert(symbol.name.split(separator: "@", maxSplits: 1).first.map(String.init) ?? symbol.name)
      }
    }
    for module in patch.modules { findModule(module, files) }
    try checkFunctions()
    checkReferences()
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
    for function in patch.functions {
      let place = function.old
      guard modules[place.module] != nil else { continue }
      guard let symbol = resolve(place) else {
        note(
          false, "\(place.name): not at \(hexadecimal(place.address)) of \(patch.modules[place.module].name)")
        continue
      }
      let site = sites[place.module]?.sites.first { $0.entry == symbol.address }
      if let site, site.modes.contains(.redirect) {
        note(true, "\(place.name): replaced at its call site (\(site.kind.rawValue))")
      } else if let refusal = site?.refusal {
        note(false, "\(place.name): its call site cannot be used: \(refusal)")
      } else {
        let needed: UInt64 = patch.architecture == .x86_64 ? 5 : 4
        note(
          symbol.size >= needed,
          symbol.size >= needed
            ? "\(place.name): has no call site; its first instructions are to be moved"
            : "\(place.name): has no call site, and its \(symbol.size) bytes are too few for a jump")
      }
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
      }
    }
  }

  /// What linkers define.
  private static let ofLinker: Set<String> = [
    "_GLOBAL_OFFSET_TABLE_", ".TOC.", "__tls_get_addr", "__ehdr_start", "_end", "__dso_handle",
  ]
}
