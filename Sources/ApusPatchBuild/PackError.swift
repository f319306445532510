package import ApusCore
package import ApusELF

/// Why no patch can be packed. Each says what to do.
package enum PackError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What of the program's is unsafe to touch, and in which object file.
  case refused(file: String, Refusal)
  /// Something of an object file that cannot be read.
  case file(String, ELFError)
  case architecture(file: String, Architecture, module: String, Architecture)
  case noModule(manifest: String)
  case stripped(PackOrigin, module: String)
  case sameName(PackOrigin, module: String)
  /// A variable of no file's own (SHN_COMMON).
  case common(file: String, String)
  /// A record that `apus_patch.h` did not make.
  case record(file: String, section: String, String)
  /// A module that the manifest does not have.
  case unknownModule(PackOrigin, String, known: [String])
  /// Which of several modules is not said.
  case whichModule(PackOrigin, known: [String])
  /// The objects define no such function.
  case notDefined(PackOrigin, String)
  /// Several objects define one.
  case severalDefined(PackOrigin, String, files: [String])
  /// The module has no such function or variable.
  case notThere(PackOrigin, WantedSymbol, module: String, others: [String])
  /// The name is a variable's.
  case noFunction(PackOrigin, String, module: String)
  /// Several symbols may be meant.
  case ambiguous(PackOrigin, String, module: String, candidates: [String])
  /// The same of a name that an object refers to.
  case ambiguousReference(file: String, String, module: String, candidates: [String])
  /// Its entry cannot be made to lead elsewhere.
  case entry(PackOrigin, String, module: String, String)
  case coroutine(PackOrigin, String)
  case indirect(PackOrigin, String)
  case replacedTwice(PackOrigin, String, first: PackOrigin)
  /// Two callbacks of a sort, two shadow variables or states of an id.
  case declaredTwice(PackOrigin, String, first: PackOrigin)
  /// A version that is none.
  case version(PackOrigin, UInt64)
  /// The functions of one object belong to several modules.
  case severalModules(file: String, [String])
  case definedTwice(String, files: [String])
  /// What one file has of a COMDAT group, and another does not.
  case leftOut(file: String, section: String, target: String)
  case unusedChoice(PackOrigin, String)
  case nothingReplaced

  package var description: String {
    switch self {
    case .refused(let file, let refusal): return "\(file): \(refusal)"
    case .file(let file, let error): return "\(file): \(error)"
    case .architecture(let file, let own, let module, let other):
      return "\(file) is for \(own), and \(module) for \(other): compile for \(other)"
    case .noModule(let manifest):
      return "\(manifest): no line says which program or library is patched: add module PATH"
    case .stripped(let origin, let module):
      return "\(origin): \(module) has no symbols: name the file as it was before it was stripped"
    case .sameName(let origin, let module):
      return "\(origin): another module is called \(module), too, and a patch tells them apart by that"
    case .common(let file, let symbol):
      return "\(file): \(symbol) is a common variable, whose file is not known: compile with -fno-common"
    case .record(let file, let section, let what):
      return "\(file): section \(section): \(what): use the macros of this version's apus_patch.h"
    case .unknownModule(let origin, let name, let known):
      return
        "\(origin): the manifest has no module \(name), it has \(Self.list(known)): add module PATH, or mend the name"
    case .whichModule(let origin, let known):
      return "\(origin): say of which module, of \(Self.list(known))"
    case .notDefined(let origin, let name):
      return "\(origin): no object defines a function \(name): name one that the patch has"
    case .severalDefined(let origin, let name, let files):
      return
        "\(origin): \(Self.list(files)) each have a \(name): use APUS_REPLACES in the one that is meant, or give it another name"
    case .notThere(let origin, let wanted, let module, let others):
      let of = wanted.file.isEmpty ? "" : " of \(wanted.file)"
      let at = wanted.address.map { " at \(hexadecimal($0))" } ?? ""
      let advice =
        others.isEmpty
        ? "write the name as nm prints it, a C++ one mangled" : "it has:\(Self.lines(others))"
      return "\(origin): \(module) has no \(wanted.name)\(of)\(at): \(advice)"
    case .noFunction(let origin, let name, let module):
      return "\(origin): \(name) of \(module) is a variable, and only functions can be replaced"
    case .ambiguous(let origin, let name, let module, let candidates):
      return
        "\(origin): \(module) has \(candidates.count) of the name \(name): say which, by its source file or (in the manifest) at ADDRESS:\(Self.lines(candidates))"
    case .ambiguousReference(let file, let name, let module, let candidates):
      return
        "\(file): \(module) has \(candidates.count) of the name \(name): say which in the manifest, by symbol \(name) of FILE or at ADDRESS:\(Self.lines(candidates))"
    case .entry(let origin, let name, let module, let why):
      return "\(origin): \(name) of \(module) cannot be replaced: \(why): replace who calls it"
    case .coroutine(let origin, let name):
      return
        "\(origin): \(name) is a coroutine's body, and frames that exist are laid out for it: replace a function that it calls"
    case .indirect(let origin, let name):
      return
        "\(origin): \(name) chooses a function (IFUNC), and the choice has been made: replace those that it chooses from"
    case .replacedTwice(let origin, let name, let first):
      return "\(origin): \(name) is replaced at \(first) already: leave one out"
    case .declaredTwice(let origin, let what, let first):
      return "\(origin): \(what) is declared at \(first) already: leave one out"
    case .version(let origin, let version):
      return "\(origin): a state's version is less than 2^32, not \(version)"
    case .severalModules(let file, let modules):
      return
        "\(file): it has functions for \(Self.list(modules)), and code belongs to one module: put them into a source file each"
    case .definedTwice(let name, let files):
      return "\(name) is defined in \(Self.list(files)): make it static, or give one another name"
    case .leftOut(let file, let section, let target):
      return
        "\(file): section \(section) refers to what another file has of \(target): compile both files alike"
    case .unusedChoice(let origin, let name):
      return "\(origin): no object refers to a \(name) that it does not define: leave the line out"
    case .nothingReplaced:
      return
        "the patch replaces no function: say which by APUS_REPLACES in a source, or replace in the manifest"
    }
  }

  private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }
  private static func lines(_ names: [String]) -> String { names.map { "\n  \($0)" }.joined() }
}
