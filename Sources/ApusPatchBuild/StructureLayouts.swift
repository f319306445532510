package import ApusELF

/// How the structures, unions and classes of an object file are laid out, as its debugging information says.
package struct StructureLayouts: Sendable {
  /// A type's size, and its members with their places.
  struct Layout: Sendable, Hashable {
    struct Member: Sendable, Hashable {
      var name: String
      /// In bytes or bits from the start, and the width of a bit field; whatever was said of it.
      var place: [DebugEntry.Value?]
    }
    /// In bytes.
    var size: UInt64
    var members: [Member] = []
  }

  /// By qualified name; several where types in different functions have one name.
  private(set) var byName: [String: Set<Layout>] = [:]
  /// Whether there was anything to read.
  package private(set) var isKnown: Bool

  package init(_ image: ELFImage) throws(ELFError) {
    typealias Tag = DebugEntry.Tag
    typealias Attribute = DebugEntry.Attribute
    isKnown = image.hasDebugInformation
    let types: Set<UInt64> = [Tag.structureType, Tag.unionType, Tag.classType]
    let parts: Set<UInt64> = [Tag.member, Tag.inheritance]
    let places = [
      Attribute.memberLocation, Attribute.dataBitOffset, Attribute.bitOffset, Attribute.bitSize,
    ]
    var found: [UInt64: Layout] = [:]
    var names: [UInt64: String] = [:]
    // The types and namespaces that are open: depth, name so far, the type's offset.
    var open: [(depth: Int, name: String, type: UInt64?)] = []
    var nameless = 0
    try image.forEachDebugEntry({
      types.contains($0) || parts.contains($0) || $0 == Tag.namespace || $0 == Tag.typedef
    }) { entry in
      while let last = open.last, last.depth >= entry.depth { open.removeLast() }
      let prefix = open.last.map { $0.name + "::" } ?? ""
      if types.contains(entry.tag) {
        nameless += entry.name == nil ? 1 : 0
        if entry.number(Attribute.declaration) == nil, let size = entry.number(Attribute.byteSize) {
          found[entry.offset] = Layout(size: size)
        }
        // A nameless one inside another is known by its place there.
        let inner = open.last?.type.flatMap { found[$0]?.members.count }
        if let name = entry.name ?? inner.map({ "(nameless \($0))" }) { names[entry.offset] = prefix + name }
        open.append((entry.depth, prefix + (entry.name ?? "(nameless)"), entry.offset))
      } else if parts.contains(entry.tag) {
        // Static members have no place.
        let place = places.map { entry.attributes[$0] }
        if let type = open.last?.type, open.last?.depth == entry.depth - 1 {
          found[type]?.members.append(Layout.Member(name: entry.name ?? "", place: place))
        }
      } else if entry.tag == Tag.namespace {
        open.append((entry.depth, prefix + (entry.name ?? "(anonymous)"), nil))
      } else if let name = entry.name, let type = entry.reference(Attribute.type), names[type] == nil {
        names[type] = prefix + name
      }
    }
    for (offset, layout) in found {
      if let name = names[offset] { byName[name, default: []].insert(layout) }
    }
  }

  /// The types that both have, with other layouts: what has changed, by name.
  package func changes(to other: StructureLayouts) -> [(name: String, what: String)] {
    byName.keys.sorted().compactMap { name in
      guard let old = byName[name], let new = other.byName[name], old != new else { return nil }
      return (name, Self.difference(old, new))
    }
  }

  private static func difference(_ old: Set<Layout>, _ new: Set<Layout>) -> String {
    guard old.count == 1, new.count == 1, let before = old.first, let after = new.first else {
      return "its members are at other places"
    }
    let names = Set(before.members.map(\.name))
    let added = after.members.map(\.name).filter { !$0.isEmpty && !names.contains($0) }
    let kept = Set(after.members)
    let moved = before.members.filter { !kept.contains($0) }.map(\.name).filter { !$0.isEmpty }
    var parts: [String] = []
    if before.size != after.size { parts.append("it has \(after.size) bytes instead of \(before.size)") }
    if !added.isEmpty { parts.append("new: " + added.prefix(4).joined(separator: ", ")) }
    if !moved.isEmpty { parts.append("elsewhere or gone: " + moved.prefix(4).joined(separator: ", ")) }
    return parts.isEmpty ? "its members are at other places" : parts.joined(separator: "; ")
  }
}
