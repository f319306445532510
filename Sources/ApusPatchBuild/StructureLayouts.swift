package import ApusELF
package import ApusPatchObject

/// How the structures, unions and classes of an object file are laid out, as its debugging information says.
package struct StructureLayouts: Sendable {
  /// A type's size, and its members with their places.
  struct Layout: Sendable, Hashable {
    struct Member: Sendable, Hashable {
      var name: String
      /// In bytes or bits from the start, and the width of a bit field; whatever was said of it.
      var place: [DebugEntry.Value?]
      /// What is stored there, in short.
      var kind: String
    }
    /// In bytes.
    var size: UInt64
    var members: [Member] = []
  }

  /// By qualified name; several where types in different functions have one name.
  private(set) var byName: [String: Set<Layout>] = [:]
  /// Whether the types of the file are all known.
  package private(set) var isKnown: Bool

  /// Reads what an object file's bytes say; of link-time optimisation's, nothing is known.
  package init(_ bytes: [UInt8], of object: ObjectFile) throws(ELFError) {
    try self.init(object.isForLinkTimeOptimisation ? nil : ELFImage(source: bytes))
  }

  /// Reads what a file says; nothing is known without one.
  package init(_ image: ELFImage?) throws(ELFError) {
    isKnown = false
    guard let image else { return }
    var reader = LayoutReader()
    isKnown = try image.forEachDebugEntry(LayoutReader.isWanted) { reader.take($0) }
    // (Line tables alone describe no type.)
    isKnown = isKnown && reader.hasTypes
    byName = reader.layouts()
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
    if !moved.isEmpty {
      parts.append("elsewhere, others or gone: " + moved.prefix(4).joined(separator: ", "))
    }
    return parts.isEmpty ? "its members are at other places" : parts.joined(separator: "; ")
  }
}

/// Collects types as their entries come by, and puts them together at the end.
private struct LayoutReader {
  private typealias Tag = DebugEntry.Tag
  private typealias Attribute = DebugEntry.Attribute

  /// Structures, unions, classes.
  private struct Aggregate {
    var name: String?
    var size: UInt64?
    var members: [(name: String, place: [DebugEntry.Value?], type: UInt64?)] = []
  }
  /// Other types.
  private struct Plain {
    var tag: UInt64
    var size: UInt64?
    var encoding: UInt64?
    var of: UInt64?
    var counts: [UInt64?] = []
  }

  /// A type that is described, and how deep it stands in others.
  private struct Place: Hashable {
    var offset: UInt64
    var depth: Int
  }
  /// Of descriptions: in bytes, and of types in each other. What is deeper is damage, and says nothing.
  private static let longest = 128
  private static let deepest = 16

  private var aggregates: [UInt64: Aggregate] = [:]
  private var plain: [UInt64: Plain] = [:]
  /// The types and namespaces that are open: depth, name so far, the type's offset.
  private var open: [(depth: Int, name: String, type: UInt64?)] = []
  /// What was described already.
  private var kinds: [Place: String] = [:]
  /// Members and their types.
  private var members: [(name: String, type: UInt64)] = []
  /// Variables and their types.
  private var variables: [(name: String, type: UInt64)] = []
  /// Typedefs and their types.
  private var typedefs: [(name: String, type: UInt64)] = []
  /// The array whose ranges come next.
  private var array: (depth: Int, offset: UInt64)?

  private static let aggregateTags: Set<UInt64> = [Tag.structureType, Tag.unionType, Tag.classType]
  private static let plainTags: Set<UInt64> = [
    Tag.arrayType, Tag.enumerationType, Tag.pointerType, Tag.referenceType, Tag.rvalueReferenceType,
    Tag.baseType,
    Tag.constType, Tag.volatileType, Tag.atomicType, Tag.typedef,
  ]
  private static let others: Set<UInt64> = [
    Tag.member, Tag.inheritance, Tag.namespace, Tag.subrange, Tag.variable,
  ]

  /// What a type is that has another inside.
  private static let wrappers: Set<UInt64> = [
    Tag.arrayType, Tag.constType, Tag.volatileType, Tag.atomicType, Tag.pointerType,
  ]

  static func isWanted(_ tag: UInt64) -> Bool {
    aggregateTags.contains(tag) || plainTags.contains(tag) || others.contains(tag)
  }

  var hasTypes: Bool { !aggregates.isEmpty || !plain.isEmpty }

  mutating func take(_ entry: DebugEntry) {
    while let last = open.last, last.depth >= entry.depth { open.removeLast() }
    let prefix = open.last.map { $0.name + "::" } ?? ""
    // Names grow with depth; more than this is no program's.
    guard prefix.utf8.count < 1 << 16 else { return }
    if entry.tag == Tag.member, entry.number(Attribute.declaration) != nil {
      // A static member (until DWARF 5 they have this tag): it takes no room.
    } else if Self.aggregateTags.contains(entry.tag) {
      let isDeclared = entry.number(Attribute.declaration) != nil
      aggregates[entry.offset] = Aggregate(
        name: entry.name.map { prefix + $0 }, size: isDeclared ? nil : entry.number(Attribute.byteSize))
      open.append((entry.depth, prefix + (entry.name ?? "(nameless)"), entry.offset))
    } else if entry.tag == Tag.member || entry.tag == Tag.inheritance {
      let place = [
        Attribute.memberLocation, Attribute.dataBitOffset, Attribute.bitOffset, Attribute.bitSize,
      ].map { entry.attributes[$0] }
      if let last = open.last, let type = last.type, last.depth == entry.depth - 1 {
        if let name = entry.name, let of = entry.reference(Attribute.type) {
          members.append((prefix + name, of))
        }
        aggregates[type]?.members.append((entry.name ?? "", place, entry.reference(Attribute.type)))
      }
    } else if entry.tag == Tag.namespace {
      open.append((entry.depth, prefix + (entry.name ?? "(anonymous)"), nil))
    } else if entry.tag == Tag.variable {
      if let name = entry.name, let type = entry.reference(Attribute.type) {
        variables.append((prefix + name, type))
      }
    } else if entry.tag == Tag.subrange {
      guard let array, array.depth == entry.depth - 1 else { return }
      let count = entry.number(Attribute.count) ?? entry.number(Attribute.upperBound).map { $0 &+ 1 }
      plain[array.offset]?.counts.append(count)
    } else {
      plain[entry.offset] = Plain(
        tag: entry.tag, size: entry.number(Attribute.byteSize), encoding: entry.number(Attribute.encoding),
        of: entry.reference(Attribute.type))
      if entry.tag == Tag.arrayType { array = (entry.depth, entry.offset) }
      if entry.tag == Tag.typedef, let name = entry.name, let type = entry.reference(Attribute.type) {
        typedefs.append((prefix + name, type))
      }
    }
  }

  /// Gives structures without a name their typedef's, of which clang writes the typedef first; or that of a pointer or an array of
  /// them, if there is no other.
  private mutating func nameByTypedefs() {
    for isDirect in [true, false] {
      for typedef in typedefs {
        guard let type = isDirect ? typedef.type : nameless(typedef.type)?.type, aggregates[type] != nil
        else {
          continue
        }
        if aggregates[type]?.name == nil { aggregates[type]?.name = typedef.name }
      }
    }
  }

  mutating func layouts() -> [String: Set<StructureLayouts.Layout>] {
    nameByTypedefs()
    var result: [String: Set<StructureLayouts.Layout>] = [:]
    for aggregate in aggregates.values {
      guard let name = aggregate.name, let size = aggregate.size else { continue }
      result[name, default: []].insert(layout(aggregate, size))
    }
    // The types without names of variables go by these; and what members point to, which is not told with their structure.
    for (variable, isMember) in variables.map({ ($0, false) }) + members.map({ ($0, true) }) {
      guard let (type, isPointed) = nameless(variable.type), isPointed || !isMember,
        let aggregate = aggregates[type], let size = aggregate.size
      else { continue }
      let name = isPointed ? "what \(variable.name) points to" : "the type of \(variable.name)"
      result[name, default: []].insert(layout(aggregate, size))
    }
    return result
  }

  /// The structure without a name that a type is, or is an array of, or is a pointer to.
  private func nameless(_ type: UInt64) -> (type: UInt64, isPointed: Bool)? {
    var at = type
    var isPointed = false
    for _ in 0..<8 {
      if let aggregate = aggregates[at] { return aggregate.name == nil ? (at, isPointed) : nil }
      guard let next = plain[at], Self.wrappers.contains(next.tag), let of = next.of else { return nil }
      if next.tag == Tag.pointerType { isPointed = true }
      at = of
    }
    return nil
  }

  private mutating func layout(_ aggregate: Aggregate, _ size: UInt64) -> StructureLayouts.Layout {
    StructureLayouts.Layout(
      size: size,
      members: aggregate.members.map { member in
        .init(name: member.name, place: member.place, kind: member.type.map { kind($0, 0) } ?? "")
      })
  }

  /// A type in short: what is stored, not what it is called; a structure with a name by that name, one without by its members.
  private mutating func kind(_ offset: UInt64, _ depth: Int) -> String {
    guard depth < Self.deepest else { return "" }
    let place = Place(offset: offset, depth: depth)
    if let known = kinds[place] { return known }
    let kind = Self.shortened(made(offset, depth))
    kinds[place] = kind
    return kind
  }

  private mutating func made(_ offset: UInt64, _ depth: Int) -> String {
    if let aggregate = aggregates[offset] {
      if let name = aggregate.name { return name }
      let members = aggregate.members.map { member in
        "\(member.name) \(member.place) \(member.type.map { kind($0, depth + 1) } ?? "")"
      }
      return "{" + members.joined(separator: ";") + "}"
    }
    guard let type = plain[offset] else { return "" }
    switch type.tag {
    case Tag.pointerType, Tag.referenceType, Tag.rvalueReferenceType: return "pointer"
    case Tag.baseType:
      return (type.encoding == 4 ? "float" : "integer") + "\(type.size ?? 0)"  // DW_ATE_float
    case Tag.enumerationType: return "integer\(type.size ?? 0)"
    case Tag.arrayType:
      return (type.of.map { kind($0, depth + 1) } ?? "") + "\(type.counts.map { $0.map { "\($0)" } ?? "" })"
    default: return type.of.map { kind($0, depth + 1) } ?? ""
    }
  }

  /// Of what would be long its beginning, and a number that hardly anything else has (FNV-1a, 64 bits): types without names in each
  /// other would have texts that grow with each.
  private static func shortened(_ text: String) -> String {
    guard text.utf8.count > longest else { return text }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return "\(text.prefix(32))… \(text.utf8.count) \(hash)"
  }
}
