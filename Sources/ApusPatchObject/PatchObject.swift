package import ApusCore
package import ApusELF

/// A live patch: the functions that replace others, what they newly need, and what they refer to in the program.
///
/// In a file it is a relocatable ELF object; Documentation/PatchObject.md describes its sections. Code and data stand in ordinary
/// sections with ordinary relocations; symbols that are not defined are the program's, and ``references`` says of each where
/// it is found.
package struct PatchObject: Sendable {
  /// A program or a library that is patched.
  package struct Module: Sendable, Hashable {
    /// The file's name, without directories.
    package var name: String
    /// The first 24 bytes, which are all that linkers make by themselves, of the GNU build-id; empty if it has none.
    package let buildID: [UInt8]

    package init(name: String, buildID: [UInt8]) {
      self.name = name
      self.buildID = Array(buildID.prefix(24))
    }
  }

  /// Where something of a module is found: what its symbol table says, and the address there.
  package struct Place: Sendable, Hashable {
    /// Index in ``PatchObject/modules``.
    package var module: Int
    package var name: String
    /// The source file of a symbol that only one object file knows (STT_FILE); empty of others.
    package var file: String
    /// Of several that have this name and file, which: counted from 0 in the order of the symbol table.
    package var position: Int
    /// As linked, for verification; 0 if it is not known.
    package var address: Address
    /// In bytes; 0 if it is not known.
    package var size: UInt64

    package init(module: Int, name: String, file: String, position: Int, address: Address, size: UInt64) {
      self.module = module
      self.name = name
      self.file = file
      self.position = position
      self.address = address
      self.size = size
    }
  }

  /// A function that takes the place of another.
  package struct Function: Sendable, Hashable {
    /// Number of the symbol of the new code.
    package var symbol: Int
    package var old: Place
    /// Why it is in the patch.
    package var reasons: [String]

    package init(symbol: Int, old: Place, reasons: [String]) {
      self.symbol = symbol
      self.old = old
      self.reasons = reasons
    }
  }

  /// What an undefined symbol stands for.
  package struct Reference: Sendable, Hashable {
    /// How it is found.
    package enum Kind: UInt32, Sendable {
      /// In a module's own symbol table.
      case module = 0
      /// By name among what all modules export, as the dynamic linker would.
      case imported = 1
      /// A function that whoever applies the patch provides: one of ``PatchObject/providedFunctions``.
      case provided = 2
    }
    /// Number of the symbol.
    package var symbol: Int
    package var kind: Kind
    package var place: Place

    package init(symbol: Int, kind: Kind, place: Place) {
      self.symbol = symbol
      self.kind = kind
      self.place = place
    }
  }

  package var architecture: Architecture
  package var name: String
  /// It takes the place of all patches before it.
  package var isReplacement: Bool
  package var modules: [Module]
  /// Number 0 is empty.
  package var sections: [ObjectSection]
  /// For each of ``sections``, the number of the module near which it belongs and whose conventions (the TOC) it keeps.
  package var sectionModules: [Int]
  /// Number 0 is empty; local ones first.
  package var symbols: [ObjectSymbol]
  package var functions: [Function]
  package var references: [Reference]
  package var callbacks: [Callback]
  package var shadowVariables: [ShadowVariable]
  package var states: [State]
  /// Functions of the modules at whose entry a thread has nothing on its stack that the patch replaces.
  package var quiescent: [Place]

  package init(
    _ architecture: Architecture, name: String, isReplacement: Bool = false, modules: [Module],
    sections: [ObjectSection], sectionModules: [Int]? = nil, symbols: [ObjectSymbol], functions: [Function],
    references: [Reference], callbacks: [Callback] = [], shadowVariables: [ShadowVariable] = [],
    states: [State] = [], quiescent: [Place] = []
  ) {
    self.architecture = architecture
    self.name = name
    self.isReplacement = isReplacement
    self.modules = modules
    self.sections = sections
    self.sectionModules = sectionModules ?? sections.map { _ in 0 }
    self.symbols = symbols
    self.functions = functions
    self.references = references
    self.callbacks = callbacks
    self.shadowVariables = shadowVariables
    self.states = states
    self.quiescent = quiescent
  }
}

/// Why a file is no patch object.
package enum PatchObjectError: Error, Sendable, Hashable, CustomStringConvertible {
  case elf(ELFError)
  /// An ELF object without the sections that make it a patch; the text names the one that is missing.
  case noPatch(String)
  /// Of a version that this program does not know.
  case version(UInt32)
  /// The section, and what is wrong with it.
  case malformed(section: String, String)

  package var description: String {
    switch self {
    case .elf(let error): "\(error)"
    case .noPatch(let section): "no patch object: it has no section \(section)"
    case .version(let version): "a patch object of version \(version), which this apus does not know"
    case .malformed(let section, let what): "malformed patch object, section \(section): \(what)"
    }
  }
}
