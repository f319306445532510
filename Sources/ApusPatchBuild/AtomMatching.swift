internal import ApusELF
internal import ApusPatchObject

/// Which atom of the file as it was is which of the file as it is now.
///
/// Functions and variables that other files can see are matched by name. Those of this file only may have numbers that compilers
/// give (`counter.2`, `f.constprop.0`): their names are compared without the numbers, and where several have the same, what
/// they hold, who refers to them and their order decide.
struct AtomMatching {
  /// Atom of the old file → atom of the new one, and the other way.
  private(set) var new: [Int: Int] = [:]
  private(set) var old: [Int: Int] = [:]

  private struct Key: Hashable {
    var name: String
    var isLocal: Bool
    var isCode: Bool
  }

  init(old before: AtomTable, new after: AtomTable) {
    let left = Self.groups(before)
    let right = Self.groups(after)
    let leftUsers = Users(before)
    let rightUsers = Users(after)
    for (key, candidates) in left {
      guard var others = right[key] else { continue }
      var rest = candidates
      /// Pairs what is equal under `same` and is the only pair that is.
      func pair(_ same: (Int, Int) -> Bool) {
        for atom in rest {
          let fitting = others.filter { same(atom, $0) }
          guard fitting.count == 1, let other = fitting.first, rest.filter({ same($0, other) }).count == 1
          else { continue }
          match(atom, other)
          rest.removeAll { $0 == atom }
          others.removeAll { $0 == other }
        }
      }
      pair { _, _ in true }
      guard !rest.isEmpty, !others.isEmpty else { continue }
      func hasSameUsers(_ a: Int, _ b: Int) -> Bool { leftUsers.names(a) == rightUsers.names(b) }
      func hasSameContents(_ a: Int, _ b: Int) -> Bool {
        before.atoms[a].size == after.atoms[b].size && before.bytes(of: a) == after.bytes(of: b)
      }
      pair { hasSameUsers($0, $1) && hasSameContents($0, $1) }
      // A function is what it does; a variable is whose it is.
      if key.isCode { pair { hasSameContents($0, $1) } }
      pair { hasSameUsers($0, $1) }
      pair { hasSameContents($0, $1) }
      pair { before.symbol(of: $0)?.name == after.symbol(of: $1)?.name }
      // Several that nothing tells apart, as many here as there: by their order.
      if rest.count == others.count,
        key.isCode || rest.allSatisfy({ leftUsers.names($0) == leftUsers.names(rest[0]) })
      {
        for (atom, other) in zip(rest, others) { match(atom, other) }
      }
    }
    pairAcrossBindings(before, after)
  }

  /// Pairs what has one name in both files, and can be seen by others in one of them only.
  private mutating func pairAcrossBindings(_ before: AtomTable, _ after: AtomTable) {
    func rest(_ table: AtomTable, _ done: [Int: Int]) -> [String: [Int]] {
      Dictionary(
        grouping: table.atoms.indices.filter {
          done[$0] == nil && table.atoms[$0].kind != .ignored && table.symbol(of: $0) != nil
        }
      ) { table.symbol(of: $0)?.name ?? "" }
    }
    let others = rest(after, old)
    for (name, atoms) in rest(before, new) {
      guard atoms.count == 1, let found = others[name], found.count == 1,
        before.atoms[atoms[0]].kind == after.atoms[found[0]].kind
      else { continue }
      match(atoms[0], found[0])
    }
  }

  private mutating func match(_ atom: Int, _ other: Int) {
    new[atom] = other
    old[other] = atom
  }

  /// The atoms that have names, by these.
  private static func groups(_ table: AtomTable) -> [Key: [Int]] {
    var result: [Key: [Int]] = [:]
    for (index, atom) in table.atoms.enumerated() where atom.kind != .ignored {
      guard let symbol = table.symbol(of: index), !symbol.name.hasPrefix(".L") else { continue }
      let isLocal = symbol.binding == .local
      let compiled = CompilerName(symbol.name)
      let name = isLocal || compiled.hasUnstableNumbers ? compiled.withoutNumbers : symbol.name
      result[Key(name: name, isLocal: isLocal, isCode: atom.kind == .code), default: []].append(index)
    }
    return result
  }

  /// Who refers to each atom, by names without numbers.
  private struct Users {
    private var users: [Int: Set<String>] = [:]

    init(_ table: AtomTable) {
      for index in table.atoms.indices {
        guard let symbol = table.symbol(of: index) else { continue }
        let name = CompilerName(symbol.name).withoutNumbers
        for reference in table.references(of: index) {
          if case .atom(let target, _) = reference.target, target != index {
            users[target, default: []].insert(name)
          }
        }
      }
    }

    func names(_ atom: Int) -> Set<String> { users[atom] ?? [] }
  }
}
