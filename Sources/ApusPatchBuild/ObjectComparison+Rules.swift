internal import ApusELF
internal import ApusPatchObject

extension ObjectComparison {
  /// Finds what must not be changed under a running program.
  mutating func judge() {
    for object in [before.object, after.object] where object.isForLinkTimeOptimisation {
      refuse(
        .linkTimeOptimisation, object.sourceName ?? "the file",
        "its machine code is made when the program is linked")
      return
    }
    judgeFunctions()
    judgeData()
    judgeConstructors()
    judgeLooseCode()
  }

  private mutating func refuse(_ rule: Refusal.Rule, _ symbol: String, _ why: String) {
    let refusal = Refusal(rule: rule, symbol: symbol, why: why)
    if !refusals.contains(refusal) { refusals.append(refusal) }
  }

  private mutating func judgeFunctions() {
    let constructors = startFunctions(after)
    for change in changes {
      let atom = after.atoms[change.atoms[0]]
      if CompilerName(change.name).isCoroutineBody {
        refuse(.coroutine, change.name, "frames of the coroutine that exist are laid out for its old body")
      }
      if atom.symbols.contains(where: { after.object.symbols[$0].kind == .indirectFunction }) {
        refuse(.indirectFunction, change.name, "the choice has been made already")
      }
      if constructors.contains(change.atoms[0]) {
        refuse(.constructor, change.name, "it has run already, or runs when the program ends")
      }
      let neighbours = after.atoms.filter {
        $0.section == atom.section && $0.kind == .code && $0 != atom
          && $0.symbols.contains { after.object.symbols[$0].isFunction }
      }
      if !neighbours.isEmpty {
        refuse(
          .noFunctionSections, change.name,
          "it shares section \(after.object.sections[atom.section].name) with other functions, whose references to it cannot be seen"
        )
      }
    }
  }

  private mutating func judgeData() {
    for (old, new) in matching.new.sorted(by: { $0.key < $1.key }) {
      let (left, right) = (before.atoms[old], after.atoms[new])
      guard left.kind != .code, right.kind != .code, left.kind != .ignored else { continue }
      let name = describe(after, new)
      let isTable = name.hasPrefix("_ZTV") || name.hasPrefix("_ZTI") || name.hasPrefix("_ZTT")
      switch right.kind {
      case .variable:
        if left.size != right.size {
          refuse(
            .dataSize, name,
            "it has \(right.size) bytes instead of \(left.size), and the one that exists cannot grow")
        } else if !holdsSame(old, new) {
          refuse(.dataValue, name, "its initial value is another one, and the program has been using it")
        }
      case .threadLocal:
        if left.size != right.size {
          refuse(.threadLocalSize, name, "it has \(right.size) bytes instead of \(left.size) in each thread")
        } else if !holdsSame(old, new) {
          refuse(.threadLocalValue, name, "its initial value is another one, and threads have been using it")
        }
      case .constant where isTable:
        if left.size != right.size {
          refuse(
            .dataSize, name,
            "objects that exist point to the old table, which has \(left.size) bytes instead of \(right.size)"
          )
        } else if !holdsSame(old, new) {
          refuse(.dataValue, name, "objects that exist point to the old table")
        }
      case .constant:
        let symbol = after.symbol(of: new)
        if symbol?.binding != .local, symbol?.binding != .weak, !holdsSame(old, new) {
          refuse(.dataValue, name, "other files may have read the constant")
        }
      default: break
      }
    }
    for new in additions where after.atoms[new].kind == .threadLocal {
      refuse(.threadLocalNew, describe(after, new), "threads that run have no room for it")
    }
    judgeRemoved()
  }

  /// A static variable that is gone while another one of its name in the source came: they may be the same.
  private mutating func judgeRemoved() {
    for old in removals where before.atoms[old].kind == .variable || before.atoms[old].kind == .threadLocal {
      guard let symbol = before.symbol(of: old), symbol.binding == .local else { continue }
      let name = CompilerName(symbol.name).withoutNumbers
      let twin = additions.contains {
        after.symbol(of: $0).map { $0.binding == .local && CompilerName($0.name).withoutNumbers == name }
          ?? false
      }
      if twin { refuse(.dataRemoved, symbol.name, "which of the new variables of that name is it?") }
    }
  }

  private mutating func judgeConstructors() {
    func lists(_ table: AtomTable) -> [String] {
      table.atoms.indices.filter { table.atoms[$0].kind == .constructors }.flatMap { list in
        table.references(of: list).map { reference in
          let section = table.object.sections[table.atoms[list].section].name
          switch reference.target {
          case .atom(let atom, _): return "\(section) \(describe(table, atom))"
          case .symbol(let name, _): return "\(section) \(name)"
          case .absolute: return section
          }
        }
      }.sorted()
    }
    let (old, new) = (lists(before), lists(after))
    guard old != new else { return }
    let difference = Set(new).symmetricDifference(old).sorted().joined(separator: ", ")
    refuse(.constructor, difference, "what runs when the program starts or ends is another list")
  }

  private func startFunctions(_ table: AtomTable) -> Set<Int> {
    var result: Set<Int> = []
    for list in table.atoms.indices where table.atoms[list].kind == .constructors {
      for reference in table.references(of: list) {
        if case .atom(let atom, _) = reference.target { result.insert(atom) }
      }
    }
    return result
  }

  /// Code outside of functions: assembly.
  private mutating func judgeLooseCode() {
    func loose(_ table: AtomTable) -> [(name: String, atom: Int)] {
      table.atoms.indices.filter { index in
        table.atoms[index].kind == .code && !(table.symbol(of: index)?.isFunction ?? false)
          && table.bytes(of: index)?.contains { $0 != 0x90 && $0 != 0xcc && $0 != 0 } ?? false
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
