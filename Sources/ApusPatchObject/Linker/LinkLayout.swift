package import ApusCore
package import ApusELF

/// Where the sections of a module's part of a patch are, what stands between them, and how large it all is: all that does not
/// depend on addresses.
///
/// In order: code and veneers; constants, unwind records and the global offset table; variables. Each of the three begins on a page
/// of its own. Every undefined function that is called has a veneer, used where a call would not reach it; and what is of another module and
/// has its address taken in less than 64 bits, in case it is a function.
package struct LinkLayout: Sendable {
  /// How a range of the part is to be mapped.
  package enum Access: Sendable, Hashable, CaseIterable { case code, constants, variables }

  /// In bytes.
  package private(set) var size: UInt64 = 0
  /// Of the part's base.
  package let alignment: UInt64
  /// Each a range of offsets; empty where there is nothing.
  package private(set) var ranges: [Access: Range<UInt64>] = [:]
  /// The offset of each section of the part, by its number in the patch.
  package private(set) var sections: [Int: UInt64] = [:]
  /// The global offset table's own offset.
  package private(set) var table: UInt64 = 0
  /// Offsets of its slots.
  package private(set) var slots: [LinkSlot: UInt64] = [:]
  /// Offsets of veneers, by the slot with the address that they jump to.
  package private(set) var veneers: [LinkSlot: UInt64] = [:]

  private static let largest: UInt64 = 1 << 30

  init(_ patch: PatchObject, module: Int) throws(LinkError) {
    let page = patch.architecture.linking.largestPage
    let own = patch.sections.indices.filter {
      $0 > 0 && patch.sections[$0].isAllocated && patch.sectionModules[$0] == module
    }
    alignment = own.map { patch.sections[$0].alignment }.reduce(page, max)
    let imported = patch.foreignSymbols(of: module)
    var wanted: [LinkSlot] = []
    var jumps: [LinkSlot] = []
    for number in own {
      let section = patch.sections[number]
      guard !section.isThreadLocal else {
        throw .symbol(section.name, "a patch cannot bring thread-local variables")
      }
      for relocation in section.relocations {
        guard let rule = patch.architecture.relocationRule(relocation.type) else {
          throw .relocation(patch.place(of: relocation, in: section), .unknownType)
        }
        if let slot = patch.slot(of: relocation, rule) { wanted.append(slot) }
        if rule.value == .branch, let slot = patch.veneerSlot(of: relocation, in: section) {
          jumps.append(slot)
        }
        if rule.isNearAddress, imported.contains(Int(relocation.symbol)) {
          jumps.append(LinkSlot(symbol: Int(relocation.symbol), addend: 0, content: .address))
        }
      }
    }
    var end: UInt64 = 0
    func take(_ count: UInt64, _ alignment: UInt64) throws(LinkError) -> UInt64 {
      let start = (end + alignment - 1) & ~(alignment - 1)
      guard count <= Self.largest, start <= Self.largest - count else { throw .tooLarge(start &+ count) }
      end = start + count
      return start
    }
    for access in Access.allCases {
      let start = try take(0, page)
      for number in own where Self.access(patch.sections[number]) == access {
        sections[number] = try take(patch.sections[number].size, patch.sections[number].alignment)
      }
      if access == .code {
        for slot in jumps where veneers[slot] == nil {
          veneers[slot] = try take(patch.architecture.linking.veneerSize, Veneer.alignment)
        }
      }
      if access == .constants {
        table = try take(0, 16)
        for slot in wanted + jumps where slots[slot] == nil { slots[slot] = try take(slot.content.size, 8) }
      }
      ranges[access] = start..<end
    }
    size = try take(0, page)
  }

  private static func access(_ section: ObjectSection) -> Access {
    section.isCode ? .code : section.isWritable ? .variables : .constants
  }
}

extension PatchObject {
  /// The undefined symbols, by number, that are not a module's own; or are, but what they choose (IFUNC) may be another's.
  func foreignSymbols(of module: Int) -> Set<Int> {
    let foreign = references.filter {
      $0.kind != .module || $0.place.module != module || symbols[$0.symbol].kind == .indirectFunction
    }
    return Set(foreign.map(\.symbol))
  }

  /// A relocation, for people.
  func place(of relocation: ELFRelocation, in section: ObjectSection) -> LinkPlace {
    let symbol = symbols[Int(relocation.symbol)]
    let name = symbol.kind == .section ? symbol.section.map { sections[$0].name } ?? "" : symbol.name
    return LinkPlace(
      section: section.name, offset: relocation.offset,
      relocation: architecture.relocationName(relocation.type),
      symbol: name, addend: relocation.addend)
  }

  /// The slot that a relocation goes by, if it does.
  func slot(of relocation: ELFRelocation, _ rule: RelocationRule) -> LinkSlot? {
    guard let content = rule.slot else { return nil }
    if content == .block { return LinkSlot(symbol: 0, addend: 0, content: content) }
    let addend = architecture.linking.addendsCountFromPlace ? 0 : relocation.addend
    return LinkSlot(symbol: Int(relocation.symbol), addend: addend, content: content)
  }

  /// The slot with the address that a call's veneer jumps to; nil if the patch itself has what is called.
  func veneerSlot(of relocation: ELFRelocation, in section: ObjectSection) -> LinkSlot? {
    guard symbols[Int(relocation.symbol)].isUndefined, relocation.symbol != 0 else { return nil }
    let addend = relocation.addend &- veneerAddend(of: relocation, in: section)
    return LinkSlot(symbol: Int(relocation.symbol), addend: addend, content: .address)
  }

  /// What of a call's addend counts from its veneer: where the instruction ends. Distances in data, as tables of virtual functions
  /// hold them, are to the veneer instead of the function, so all of it does.
  func veneerAddend(of relocation: ELFRelocation, in section: ObjectSection) -> Int64 {
    section.isCode ? -architecture.linking.distanceOrigin : relocation.addend
  }
}
