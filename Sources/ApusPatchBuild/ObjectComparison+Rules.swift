internal import ApusCore
internal import ApusELF
internal import ApusISA
internal import ApusPatchObject

extension ObjectComparison {
  /// Finds what must not be changed under a running program.
  mutating func judge() {
    for object in [before.object, after.object] where object.isForLinkTimeOptimisation {
      refuse(
        .linkTimeOptimisation, object.sourceName ?? "the file",
        "its machine code is made when the program is linked")
      return forgetChanges()
    }
    judgeKinds()
    judgeFunctions()
    judgeData()
    judgeConstructors()
    judgeLooseCode()
  }

  /// Refuses structures that are laid out in another way, if functions change at all.
  mutating func judgeLayouts(_ old: StructureLayouts, _ new: StructureLayouts, allowed: Set<String>) {
    for change in old.changes(to: new) where !allowed.contains(change.name) {
      refuse(.layout, change.name, "\(change.what), and objects of it that exist stay as they are")
    }
  }

  private mutating func refuse(_ rule: Refusal.Rule, _ symbol: String, _ why: String) {
    let refusal = Refusal(rule: rule, symbol: symbol, why: why)
    if !refusals.contains(refusal) { refusals.append(refusal) }
  }

  // MARK: Functions

  private mutating func judgeFunctions() {
    let constructors = startFunctions(after)
    for change in changes {
      let atom = after.atoms[change.atoms[0]]
      let section = after.object.sections[atom.section].name
      if CompilerName(change.name).isCoroutineBody {
        refuse(.coroutine, change.name, "frames of the coroutine that exist are laid out for its old body")
      }
      if before.atoms[change.old].symbols.contains(where: {
        before.object.symbols[$0].kind == .indirectFunction
      }) {
        refuse(.indirectFunction, change.name, "the choice has been made already")
      }
      if isInitialiser(atom) { refuse(.constructor, change.name, "threads that exist have run it") }
      if isStaticInitialiser(atom) {
        refuse(.constructor, change.name, "it gives variables their first values, and has run already")
        continue
      }
      if constructors.contains(change.atoms[0]) { refuse(.constructor, change.name, "it has run already") }
      if !isCompiled(after) || section == ".text" && hasFunctionSections(after) {
        refuse(
          .assembly, change.name, "it was written in assembly, and who relies on what in it is not known")
      } else if hasHiddenNeighbours(change.atoms[0], atom) {
        refuse(
          .noFunctionSections, change.name,
          "it shares section \(section) with other functions, and references between them cannot be seen")
      }
    }
    judgeAliases()
    judgeSideTables()
  }

  /// Sections of the program's own that hold addresses inside functions which have changed.
  private mutating func judgeSideTables() {
    let changed = Set(changes.flatMap(\.atoms))
    let known = [".rodata", ".data", ".lrodata", ".toc", ".gcc_except_table", ".sdata", ".bss"]
    for table in after.atoms.indices where after.symbol(of: table) == nil {
      let atom = after.atoms[table]
      let name = after.object.sections[atom.section].name
      guard atom.kind == .constant || atom.kind == .variable, !known.contains(where: { name.hasPrefix($0) })
      else { continue }
      for case .atom(let target, _) in after.references(of: table).map(\.target)
      where changed.contains(target) {
        refuse(
          .sideTable, name,
          "it holds places of \(describe(after, target)), and whoever reads it knows the old ones only")
      }
    }
  }

  /// Whether it gives thread-local variables their first values (Itanium C++ ABI, 2.8, and compilers' own names).
  private func isInitialiser(_ atom: Atom) -> Bool {
    atom.symbols.contains {
      let name = after.object.symbols[$0].name
      return name == "__tls_init" || name.hasPrefix("_ZTH")
    }
  }

  /// What compilers write to give static variables their first values; without optimisation, functions of their own.
  private func isStaticInitialiser(_ atom: Atom) -> Bool {
    atom.symbols.contains {
      let name = after.object.symbols[$0].name
      return name.contains("__static_initialization_and_destruction_0")
        || name.hasPrefix("__cxx_global_var_init")
        || name.hasPrefix("__cxx_global_array_dtor") || name.hasPrefix("_GLOBAL__sub_I_")
    }
  }

  /// Whether a compiler made the file; assemblers leave no comment.
  private func isCompiled(_ table: AtomTable) -> Bool {
    table.object.sections.contains { $0.name == ".comment" }
  }

  private func hasFunctionSections(_ table: AtomTable) -> Bool {
    table.object.sections.contains { $0.isCode && $0.name.hasPrefix(".text.") && $0.size > 0 }
  }

  /// Whether another function of the section may be referred to without a relocation: those that other files do not know.
  private func hasHiddenNeighbours(_ index: Int, _ atom: Atom) -> Bool {
    after.atoms.indices.contains { other in
      let neighbour = after.atoms[other]
      guard other != index, neighbour.section == atom.section, neighbour.kind == .code,
        let symbol = after.symbol(of: other), symbol.isFunction
      else { return false }
      return symbol.binding == .local || after.object.sections[atom.section].name == ".text"
    }
  }

  /// Names of one function, whose entry is one, that now are two.
  private mutating func judgeAliases() {
    // (Equal functions of this file only may have been made one; who called the other has changed, too.)
    var places: [String: Int] = [:]
    for (index, symbol) in after.object.symbols.enumerated() where symbol.binding != .local {
      if let place = after.atom(ofSymbol: index) { places[symbol.name] = place.atom }
    }
    for atom in before.atoms where atom.kind == .code && atom.symbols.count > 1 {
      let names = atom.symbols.map { before.object.symbols[$0].name }
      guard Set(names.compactMap { places[$0] }).count > 1 else { continue }
      refuse(.alias, names[0], "\(names.joined(separator: " and ")) were one function and have one entry")
    }
  }

  // MARK: Data

  /// Names that stand for things of another sort than before.
  private mutating func judgeKinds() {
    func sorts(_ table: AtomTable) -> [String: String] {
      var result: [String: String] = [:]
      for symbol in table.object.symbols where symbol.section != nil && symbol.kind != .section {
        guard let section = symbol.section, symbol.kind != .file, !symbol.name.isEmpty,
          !symbol.name.hasPrefix(".L"), !table.isMarker(symbol, in: section),
          symbol.binding != .local || !symbol.name.contains(".")
        else { continue }
        let contents = table.object.sections[section]
        switch Atom.Kind(contents.name, type: contents.type, flags: contents.flags) {
        case .code:
          result[symbol.name] = symbol.kind == .indirectFunction ? "an indirect function" : "a function"
        case .constant: result[symbol.name] = "a constant"
        case .variable: result[symbol.name] = "a variable"
        case .threadLocal: result[symbol.name] = "a thread-local variable"
        default: break
        }
      }
      return result
    }
    let (old, new) = (sorts(before), sorts(after))
    for (name, sort) in new.sorted(by: { $0.key < $1.key }) {
      if let was = old[name], was != sort { refuse(.symbolKind, name, "it was \(was) and is \(sort)") }
    }
    for symbol in after.object.symbols where symbol.place == .common {
      if let was = before.object.symbols.first(where: { $0.place == .common && $0.name == symbol.name }),
        was.size != symbol.size
      {
        refuse(.dataSize, symbol.name, "it has \(symbol.size) bytes instead of \(was.size)")
      }
    }
  }

  private mutating func judgeData() {
    for (old, new) in matching.new.sorted(by: { $0.key < $1.key }) {
      let (left, right) = (before.atoms[old], after.atoms[new])
      guard left.kind == right.kind, left.kind != .ignored else { continue }
      let name = describe(after, new)
      let sizes = "\(right.size) bytes instead of \(left.size)"
      switch right.kind {
      case .variable:
        if left.size != right.size {
          refuse(.dataSize, name, "it has \(sizes), and the one that exists cannot grow")
        } else if alignment(after, right) > alignment(before, left) {
          refuse(.dataAlignment, name, "new code may rely on an alignment that the variable has not got")
        } else if !holdsSame(old, new) {
          refuse(.dataValue, name, "its initial value is another one, and the program has been using it")
        }
      case .threadLocal:
        if left.size != right.size {
          refuse(.threadLocalSize, name, "it has \(sizes) in each thread")
        } else if !holdsSame(old, new) {
          refuse(.threadLocalValue, name, "its initial value is another one, and threads have been using it")
        }
      case .constant where ["_ZTV", "_ZTI", "_ZTT"].contains { name.hasPrefix($0) }:
        if left.size != right.size {
          refuse(.dataSize, name, "objects that exist point to the old table: it has \(sizes)")
        } else if !holdsSame(old, new) {
          refuse(.dataValue, name, "objects that exist point to the old table")
        }
      case .constant where isShared(after, new):
        if !holdsSame(old, new) { refuse(.dataValue, name, "other files may have read the constant") }
      default: break
      }
    }
    for new in additions where after.atoms[new].kind == .threadLocal {
      refuse(.threadLocalNew, describe(after, new), "threads that run have no room for it")
    }
    judgeRemoved()
  }

  private func alignment(_ table: AtomTable, _ atom: Atom) -> UInt64 {
    let most = table.object.sections[atom.section].alignment
    let offset = atom.range.lowerBound
    return offset == 0 ? most : min(most, 1 << UInt64(offset.trailingZeroBitCount))
  }

  /// Static variables that functions used and that are no more: what they hold would be lost, or has another name now.
  private mutating func judgeRemoved() {
    var used: Set<Int> = []
    for (old, _) in matching.new where before.atoms[old].kind == .code {
      for case .atom(let target, _) in before.references(of: old).map(\.target) { used.insert(target) }
    }
    for old in removals where before.atoms[old].kind == .variable || before.atoms[old].kind == .threadLocal {
      guard let symbol = before.symbol(of: old), used.contains(old) else { continue }
      // One that other files may use stays; but if another came that could be it, it was given a new name.
      let size = before.atoms[old].size
      let isRenamed = additions.contains {
        after.atoms[$0].kind == before.atoms[old].kind && after.atoms[$0].size == size
      }
      guard symbol.binding == .local || isRenamed else { continue }
      refuse(.dataRemoved, symbol.name, "functions that use it would lose what it holds")
    }
  }

  // MARK: What runs by itself

  private mutating func judgeConstructors() {
    func lists(_ table: AtomTable) -> [String: Set<String>] {
      var result: [String: Set<String>] = [:]
      for list in table.atoms.indices where table.atoms[list].kind == .constructors {
        let section = table.object.sections[table.atoms[list].section].name
        for reference in table.references(of: list) {
          switch reference.target {
          case .atom(let atom, _):
            result[CompilerName(describe(table, atom)).withoutNumbers, default: []].insert(section)
          case .symbol(let name, _): result[name, default: []].insert(section)
          case .absolute: break
          }
        }
      }
      return result
    }
    let (old, new) = (lists(before), lists(after))
    for name in Set(old.keys).union(new.keys).sorted() where old[name] != new[name] {
      func text(_ sections: Set<String>?) -> String {
        sections?.sorted().joined(separator: ", ") ?? "no list"
      }
      refuse(
        .constructor, name, "it was in \(text(old[name])) of what runs by itself and is in \(text(new[name]))"
      )
    }
  }

  /// The functions that run before main.
  private func startFunctions(_ table: AtomTable) -> Set<Int> {
    var result: Set<Int> = []
    for list in table.atoms.indices where table.atoms[list].kind == .constructors {
      let section = table.object.sections[table.atoms[list].section]
      guard section.type != SectionType.finiArray, !section.name.hasPrefix(".dtors") else { continue }
      for case .atom(let atom, _) in table.references(of: list).map(\.target) { result.insert(atom) }
    }
    return result
  }

  /// Code outside of functions: assembly.
  private mutating func judgeLooseCode() {
    func loose(_ table: AtomTable) -> [(name: String, atom: Int)] {
      table.atoms.indices.filter { index in
        table.atoms[index].kind == .code && !(table.symbol(of: index)?.isFunction ?? false)
          && !(table.references(of: index).isEmpty
            && InstructionLengths.isPadding(table.bytes(of: index) ?? [], table.object.architecture))
      }.map { (table.object.sections[table.atoms[$0].section].name, $0) }
    }
    let (old, new) = (loose(before), loose(after))
    guard old.count == new.count else {
      let names = Set((old + new).map(\.name)).sorted().joined(separator: ", ")
      return refuse(.assembly, names, "machine code that belongs to no function came or went")
    }
    for (a, b) in zip(old, new) where a.name != b.name || !holdsSame(a.atom, b.atom) {
      refuse(
        .assembly, describe(after, b.atom),
        "machine code in \(b.name) that belongs to no function is another one")
    }
  }
}
