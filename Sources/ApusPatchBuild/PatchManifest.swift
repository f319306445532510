package import ApusCore

/// Where something was asked for: a line of a manifest, or of a source that declares it.
package struct PackOrigin: Sendable, Hashable, Comparable, CustomStringConvertible {
  package var file: String
  /// From 1 on.
  package var line: Int

  package init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  package var description: String { "\(file):\(line)" }

  package static func < (a: PackOrigin, b: PackOrigin) -> Bool { (a.file, a.line) < (b.file, b.line) }
}

/// A symbol of a module, as an author names it.
package struct WantedSymbol: Sendable, Hashable {
  package var name: String
  /// The source file of a static one; empty if that is not said.
  package var file: String
  /// The module's file name; empty if that is not said.
  package var module: String
  /// As linked, if that is said.
  package var address: Address?

  package init(name: String, file: String = "", module: String = "", address: Address? = nil) {
    self.name = name
    self.file = file
    self.module = module
    self.address = address
  }
}

/// Why a manifest cannot be understood.
package struct ManifestError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Problem: Sendable, Hashable {
    /// No word that a line begins with.
    case unknown(String)
    /// The line is not complete, or has too much; how it is written.
    case usage(String)
    /// `of`, `in`, `at` stands twice.
    case repeated(String)
    /// What stands behind `at` is no address.
    case noAddress(String)
    /// Such a line stands elsewhere already.
    case second(String, line: Int)
  }
  package var origin: PackOrigin
  package var problem: Problem

  package var description: String {
    switch problem {
    case .unknown(let word):
      "\(origin): \(word) is no word that a line begins with: name, replace-all, module, replace or symbol"
    case .usage(let line):
      "\(origin): the line is to be: \(line) (a comment, from # on, has a line of its own)"
    case .repeated(let word): "\(origin): a second \(word): leave one out"
    case .noAddress(let text): "\(origin): \(text) is no address: write it as nm prints it, 0x4011d0"
    case .second(let verb, let line):
      "\(origin): a second \(verb), after that of line \(line): leave one out"
    }
  }
}

/// What `apus patch pack` is told: a text file, a line each.
///
/// ```
/// # comments, and empty lines
/// name TEXT
/// replace-all
/// module PATH
/// replace NEW OLD [of FILE] [in MODULE] [at ADDRESS]
/// symbol NAME [of FILE] [in MODULE] [at ADDRESS]
/// ```
package struct PatchManifest: Sendable {
  package var name: String?
  /// The patch takes the place of all before it.
  package private(set) var isReplacement = false
  /// Paths as they are written.
  package private(set) var modules: [(path: String, origin: PackOrigin)] = []
  /// Functions that replace others.
  package private(set) var replacements: [(new: String, old: WantedSymbol, origin: PackOrigin)] = []
  /// Which symbols undefined names mean.
  package private(set) var choices: [(symbol: WantedSymbol, origin: PackOrigin)] = []
  /// Its own path, for errors.
  package let file: String

  /// Reads a manifest's text.
  package init(_ text: String, file: String) throws(ManifestError) {
    self.file = file
    var lines: [String: Int] = [:]
    func once(_ verb: String, _ origin: PackOrigin) throws(ManifestError) {
      if let first = lines.updateValue(origin.line, forKey: verb) {
        throw ManifestError(origin: origin, problem: .second(verb, line: first))
      }
    }
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let origin = PackOrigin(file: file, line: index + 1)
      let words = line.split(whereSeparator: \.isWhitespace)
      guard let verb = words.first, !verb.hasPrefix("#") else { continue }
      func usage(_ text: String) -> ManifestError { ManifestError(origin: origin, problem: .usage(text)) }
      // From the first word behind the verb to the end of the last.
      let rest = words.count > 1 ? String(line[words[1].startIndex..<(words.last ?? verb).endIndex]) : ""
      switch verb {
      case "name":
        guard !rest.isEmpty else { throw usage("name TEXT") }
        try once("name", origin)
        name = rest
      case "replace-all":
        guard rest.isEmpty else { throw usage("replace-all") }
        isReplacement = true
      case "module":
        guard !rest.isEmpty else { throw usage("module PATH") }
        try once("module \(rest)", origin)
        modules.append((rest, origin))
      case "replace":
        guard words.count >= 3,
          let old = try Self.symbol(words[2...], origin)
        else { throw usage("replace NEW OLD [of FILE] [in MODULE] [at ADDRESS]") }
        replacements.append((String(words[1]), old, origin))
      case "symbol":
        guard words.count >= 2, let symbol = try Self.symbol(words[1...], origin) else {
          throw usage("symbol NAME [of FILE] [in MODULE] [at ADDRESS]")
        }
        try once("symbol \(symbol.name)", origin)
        choices.append((symbol, origin))
      default: throw ManifestError(origin: origin, problem: .unknown(String(verb)))
      }
    }
  }

  /// A name and what tells it from others; nil if the words are not that.
  private static func symbol(
    _ words: ArraySlice<Substring>, _ origin: PackOrigin
  ) throws(ManifestError) -> WantedSymbol? {
    guard let name = words.first, words.count % 2 == 1 else { return nil }
    var result = WantedSymbol(name: String(name))
    var known: Set<Substring> = []
    for index in stride(from: words.startIndex + 1, to: words.endIndex, by: 2) {
      let (word, value) = (words[index], String(words[index + 1]))
      guard ["of", "in", "at"].contains(word) else { return nil }
      guard known.insert(word).inserted else {
        throw ManifestError(origin: origin, problem: .repeated(String(word)))
      }
      switch word {
      case "of": result.file = value
      case "in": result.module = value
      default:
        guard let address = Address(value.hasPrefix("0x") ? String(value.dropFirst(2)) : value, radix: 16)
        else { throw ManifestError(origin: origin, problem: .noAddress(value)) }
        result.address = address
      }
    }
    return result
  }
}
