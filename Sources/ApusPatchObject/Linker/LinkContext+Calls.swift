import ApusCore
import ApusELF

/// Calls and jumps.
extension LinkContext {
  /// The distance of a call or jump, to its target or to a veneer.
  ///
  /// Calls of other modules go by a veneer always: on ppc64le they have another TOC, and elsewhere they are mostly far away.
  func branch(
    _ relocation: ELFRelocation, _ section: ObjectSection, _ rule: RelocationRule, _ place: LinkPlace,
    _ offset: UInt64, _ result: inout LinkedPatch
  ) throws(LinkError) -> UInt64 {
    let here = placement.base &+ offset
    let addend = UInt64(bitPattern: relocation.addend)
    guard case .address(let target, let other, _) = try meaning(Int(relocation.symbol), place) else {
      throw .relocation(place, .kind)
    }
    let isForeign = imported.contains(Int(relocation.symbol))
    let losesTOC = linking.losesTOC(isForeign: isForeign, other)
    let direct = target &+ linking.localEntry(other) &+ addend &- here
    if !isForeign, !losesTOC, rule.range.contains(Int64(bitPattern: direct)) { return direct }
    guard let slot = patch.veneerSlot(of: relocation, in: section),
      let veneer = try veneer(slot, savesTOC: losesTOC, place, &result)
    else {
      // (The patch's own function that does not keep r2.)
      if losesTOC { throw .relocation(place, .noTOCRestore) }
      return direct
    }
    if losesTOC, !linking.restoreTOC(behind: Int(offset), &result.bytes) {
      throw .relocation(place, .noTOCRestore)
    }
    return veneer &+ UInt64(bitPattern: patch.veneerAddend(of: relocation, in: section)) &- here
  }

  /// Where the veneer is that jumps to the address in a slot, and writes it; nil if the layout has none.
  func veneer(
    _ slot: LinkSlot, savesTOC: Bool, _ place: LinkPlace, _ result: inout LinkedPatch
  ) throws(LinkError) -> Address? {
    guard let start = layout.veneers[slot], let slotOffset = layout.slots[slot] else { return nil }
    let veneer = Veneer(
      place: placement.base &+ start, slot: placement.base &+ slotOffset, toc: toc, savesTOC: savesTOC)
    guard let code = linking.code(of: veneer) else {
      throw .relocation(place, .outOfRange(Int64(bitPattern: veneer.slot &- toc)))
    }
    result.bytes.replaceSubrange(Int(start)..<Int(start) + code.count, with: code)
    return veneer.place
  }
}
