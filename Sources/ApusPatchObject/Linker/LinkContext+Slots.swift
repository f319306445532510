import ApusCore
import ApusELF

/// The slots of the global offset table.
extension LinkContext {
  /// Fills one that is at `offset` of the part.
  func fill(_ slot: LinkSlot, _ offset: UInt64, _ result: inout LinkedPatch) throws(LinkError) {
    let place = LinkPlace(
      section: ".got", offset: offset &- layout.table, relocation: "slot",
      symbol: patch.symbols[slot.symbol].name,
      addend: slot.addend)
    let addend = UInt64(bitPattern: slot.addend)
    var words: [UInt64] = []
    switch slot.content {
    case .address: words = [try address(slot.symbol, place) &+ addend]
    case .threadOffset: words = [try threadOffset(slot.symbol, place) &+ addend]
    case .blockOffset: words = [try blockOffset(slot.symbol, place) &+ addend &- linking.blockBias]
    case .variable:
      let variable = try threadLocal(slot.symbol, place)
      guard let number = variable.moduleNumber else { throw .relocation(place, .noModuleNumber) }
      words = [number, variable.offset &+ addend &- linking.blockBias]
    case .block:
      guard let number = placement.moduleNumber else { throw .relocation(place, .noModuleNumber) }
      words = [number, 0]
    }
    let field = RelocationRule.Field.bits(64, at: 0, of: 8)
    for (index, word) in words.enumerated() {
      field.put(Int64(bitPattern: word), &result.bytes, at: Int(offset) + 8 * index)
    }
    if slot.symbol != 0 || slot.content == .block {
      result.words.append(
        LinkedPatch.Word(offset: offset, symbol: slot.symbol, addend: slot.addend, content: slot.content))
    }
  }
}
