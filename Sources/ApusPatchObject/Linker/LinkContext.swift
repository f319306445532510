import ApusCore
import ApusELF

/// One linking: a patch, its layout, and what the undefined symbols are.
struct LinkContext {
  let patch: PatchObject
  let layout: LinkLayout
  let placement: LinkPlacement
  /// Where the global offset table is.
  let table: Address
  /// What r2 holds; ppc64le only.
  let toc: Address
  let bindings: [Int: LinkBinding]
  /// By symbol: what undefined symbols of another module are called for.
  let imported: Set<Int>

  /// What is the architecture's.
  var linking: any LinkArchitecture.Type { patch.architecture.linking }

  /// Copies the sections, carries out their relocations and fills the slots.
  func link() throws(LinkError) -> LinkedPatch {
    var result = LinkedPatch(
      base: placement.base, bytes: [UInt8](repeating: 0, count: Int(layout.size)), words: [], addresses: [:])
    let padding = linking.codePadding
    for offset in layout.ranges[.code] ?? 0..<0 { result.bytes[Int(offset)] = padding }
    for (number, offset) in layout.sections where !patch.sections[number].bytes.isEmpty {
      let bytes = patch.sections[number].bytes
      result.bytes.replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
    }
    for (number, symbol) in patch.symbols.enumerated() {
      if let section = symbol.section, let offset = layout.sections[section] {
        result.addresses[number] = placement.base &+ offset &+ symbol.value
      }
    }
    for (number, offset) in layout.sections.sorted(by: { $0.key < $1.key }) {
      for relocation in patch.sections[number].relocations {
        try carryOut(relocation, patch.sections[number], offset, &result)
      }
    }
    for (slot, offset) in layout.slots.sorted(by: { $0.value < $1.value }) { try fill(slot, offset, &result) }
    result.words.sort { $0.offset < $1.offset }
    return result
  }
}
