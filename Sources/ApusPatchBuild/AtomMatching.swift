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

  private struct Key: Hashable, Comparable {
    var name: String
    var isLocal: Bool
    var isCode: Bool

    static func < (left: Key, right: Key) -> Bool {
      (left.name, left.isLocal ? 1 : 0, left.isCode ? 1 : 0)
        < (right.name, right.isLocal ? 1 : 0, right.isCode ? 1 : 0)
    }
  }

  init(old before: AtomTable, new after: AtomTable) {
    let left = Self.groups(before)
    let right = Self.groups(after)
    var groups: [Group] = left.keys.sorted().compactMap { key in
      guard let old = left[key], let new = right[key] else { return nil }
      return Group(old: old, new: new, isCode: key.isCode)
    }
    let leftUsers = Users(before)
    let rightUsers = Users(after)
    func hasSameUsers(_ a: Int, _ b: Int) -> Bool { leftUsers.names(a) == rightUsers.names(b) }
    func name(_ table: AtomTable, _ atom: Int) -> String? { table.symbol(of: atom)?.name }
    func isSame(_ known: AtomMatching, _ a: Int, _ b: Int) -> Bool {
      known.hasSameContents(a, b, before, after)
    }
    let anything = Marks { _ in
      0
    } new: { _ in
      0
    }
    let users = Marks {
      leftUsers.names($0).hashValue
    } new: {
      rightUsers.names($0).hashValue
    }
    let contents = Marks {
      Self.mark($0, before)
    } new: {
      Self.mark($0, after)
    }
    let both = Marks {
      users.old($0) ^ contents.old($0)
    } new: {
      users.new($0) ^ contents.new($0)
    }
    let names = Marks {
      name(before, $0).hashValue
    } new: {
      name(after, $0).hashValue
    }
    pair(&groups, anything) { _, _, _, _ in true }
    // What is the same for sure says which of what refers to it, and which of what it refers to, is the same.
    repeat {
    } while pairReferences(&groups, before, after)
      || pair(&groups, both) { known, a, b, _ in hasSameUsers(a, b) && isSame(known, a, b) }
      // A function is what it does; a variable is whose it is.
      || pair(&groups, contents) { known, a, b, isCode in isCode && isSame(known, a, b) }
    pair(&groups, users) { _, a, b, _ in hasSameUsers(a, b) }
    pair(&groups, contents) { known, a, b, _ in isSame(known, a, b) }
    // Where one came or went, names with compilers' numbers say nothing, nor does the order.
    groups.removeAll { $0.old.count != $0.new.count }
    pair(&groups, names) { _, a, b, _ in name(before, a) == name(after, b) }
    for group in groups
    where group.isCode || group.old.allSatisfy({ leftUsers.names($0) == leftUsers.names(group.old[0]) }) {
      for (atom, other) in zip(group.old, group.new) { match(atom, other) }
    }
    pairAcrossBindings(before, after)
  }

  /// What has one name without numbers, and is not matched.
  private struct Group {
    var old: [Int]
    var new: [Int]
    var isCode: Bool
  }

  /// Numbers of atoms: two that are equal in some way have the same one. Files have thousands of atoms with one name (lambdas), which
  /// cannot be compared each with each.
  private struct Marks {
    var old: (Int) -> Int
    var new: (Int) -> Int

    init(old: @escaping (Int) -> Int, new: @escaping (Int) -> Int) {
      (self.old, self.new) = (old, new)
    }
  }

  /// A number that all atoms have which hold the same, wherever it refers to.
  private static func mark(_ atom: Int, _ table: AtomTable) -> Int {
    var hasher = Hasher()
    hasher.combine(table.atoms[atom].size)
    if let bytes = table.bytes(of: atom) { for byte in bytes { hasher.combine(byte) } }
    for reference in table.references(of: atom) {
      hasher.combine(reference.place)
      hasher.combine(reference.type)
    }
    return hasher.finalize()
  }

  /// Pairs what is equal under `same`, which is told what is known already and whether it is code, and is the only pair of its group
  /// that is. What is equal must have the same mark. Gives whether there were any.
  @discardableResult
  private mutating func pair(
    _ groups: inout [Group], _ marks: Marks, _ same: (AtomMatching, Int, Int, Bool) -> Bool
  ) -> Bool {
    var found = false
    for index in groups.indices where !groups[index].old.isEmpty && !groups[index].new.isEmpty {
      let isCode = groups[index].isCode
      var left = Dictionary(grouping: groups[index].old, by: marks.old)
      var right = Dictionary(grouping: groups[index].new, by: marks.new)
      var paired: [Int: Int] = [:]
      for atom in groups[index].old {
        let mark = marks.old(atom)
        guard let other = right[mark]?.only(where: { same(self, atom, $0, isCode) }),
          left[mark]?.only(where: { same(self, $0, other, isCode) }) == atom
        else { continue }
        match(atom, other)
        paired[atom] = other
        left[mark]?.removeAll { $0 == atom }
        right[mark]?.removeAll { $0 == other }
      }
      guard !paired.isEmpty else { continue }
      let others = Set(paired.values)
      groups[index].old.removeAll { paired[$0] != nil }
      groups[index].new.removeAll { others.contains($0) }
      found = true
    }
    return found
  }

  /// Pairs variables that functions refer to which are matched and have the same code, at the same places. Gives whether there were any.
  private mutating func pairReferences(
    _ groups: inout [Group], _ before: AtomTable, _ after: AtomTable
  ) -> Bool {
    var groupOf: [Int: Int] = [:]
    for (index, group) in groups.enumerated() where !group.isCode {
      for atom in group.old { groupOf[atom] = index }
    }
    guard !groupOf.isEmpty else { return false }
    var said: [Int: Set<Int>] = [:]
    for (a, b) in new where before.atoms[a].kind == .code && before.bytes(of: a) == after.bytes(of: b) {
      let (left, right) = (before.references(of: a), after.references(of: b))
      guard left.count == right.count,
        zip(left, right).allSatisfy({ $0.place == $1.place && $0.type == $1.type })
      else { continue }
      for case (.atom(let old, let offset), .atom(let new, let other)) in zip(
        left.map(\.target), right.map(\.target))
      where offset == other && groupOf[old].map({ groups[$0].new.contains(new) }) ?? false {
        said[old, default: []].insert(new)
      }
    }
    // (Where functions contradict each other, nothing is known.)
    var claims: [Int: Int] = [:]
    for found in said.values { for new in found { claims[new, default: 0] += 1 } }
    var hasFound = false
    for (old, found) in said.sorted(by: { $0.key < $1.key }) {
      guard found.count == 1, let new = found.first, claims[new] == 1, let index = groupOf[old] else {
        continue
      }
      match(old, new)
      groups[index].old.removeAll { $0 == old }
      groups[index].new.removeAll { $0 == new }
      hasFound = true
    }
    return hasFound
  }

  /// Whether two have the same bytes, and nothing that they refer to is known to be something else.
  private func hasSameContents(_ a: Int, _ b: Int, _ before: AtomTable, _ after: AtomTable) -> Bool {
    guard before.atoms[a].size == after.atoms[b].size, before.bytes(of: a) == after.bytes(of: b) else {
      return false
    }
    let (left, right) = (before.references(of: a), after.references(of: b))
    guard left.count == right.count else { return false }
    return zip(left, right).allSatisfy { left, right in
      guard left.place == right.place, left.type == right.type else { return false }
      switch (left.target, right.target) {
      case (.symbol(let old, _), .symbol(let new, _)): return old == new
      case (.atom(let old, _), .atom(let new, _)):
        if before.atoms[old].isNamelessConstant, after.atoms[new].isNamelessConstant {
          return before.bytes(of: old) == after.bytes(of: new)
        }
        return self.new[old].map { $0 == new } ?? (self.old[new] == nil)
      default: return true
      }
    }
  }

  /// Pairs what has one name in both files, and can be seen by others in one of them only.
  private mutating func pairAcrossBindings(_ before: AtomTable, _ after: AtomTable) {
    func isLocal(_ table: AtomTable, _ atom: Int) -> Bool { table.symbol(of: atom)?.binding == .local }
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
        before.atoms[atoms[0]].kind == after.atoms[found[0]].kind,
        isLocal(before, atoms[0]) != isLocal(after, found[0])
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
      var name = isLocal || compiled.hasUnstableNumbers ? compiled.withoutNumbers : symbol.name
      // (clang's first static local of a name has no number: `f.n`, `f.n.1`.)
      if isLocal, name.hasSuffix(".#"), name.dropLast(2).contains(".") { name.removeLast(2) }
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

extension Array {
  /// The only element that fits; nil if there is none, or another.
  fileprivate func only(where fits: (Element) -> Bool) -> Element? {
    var found: Element?
    for element in self where fits(element) {
      if found != nil { return nil }
      found = element
    }
    return found
  }
}
