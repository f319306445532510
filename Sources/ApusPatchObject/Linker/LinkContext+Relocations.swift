import ApusCore
import ApusELF

/// Relocations of sections.
extension LinkContext {
  /// Carries out one, of a section that begins at `start` of the part.
  func carryOut(
    _ relocation: ELFRelocation, _ section: ObjectSection, _ start: UInt64, _ result: inout LinkedPatch
  ) throws(LinkError) {
    let place = patch.place(of: relocation, in: section)
    guard let rule = patch.architecture.relocationRule(relocation.type) else {
      throw .relocation(place, .unknownType)
    }
    let width = UInt64(rule.field.bytes)
    guard relocation.offset <= UInt64(section.bytes.count),
      UInt64(section.bytes.count) - relocation.offset >= width
    else { throw .relocation(place, .beyondSection) }
    let offset = start + relocation.offset
    let here = placement.base &+ offset
    let number = Int(relocation.symbol)
    let addend = UInt64(bitPattern: relocation.addend)
    func slotAddress() throws(LinkError) -> Address {
      guard let slot = patch.slot(of: relocation, rule), let offset = layout.slots[slot] else {
        throw .relocation(place, .unbound)
      }
      return placement.base &+ offset
    }
    let value: UInt64
    switch rule.value {
    case .nothing: return
    case .absolute:
      let isWide = rule.field == .bits(64, at: 0, of: 8)
      value = try (isWide ? address(number, place) : nearAddress(relocation, place, &result)) &+ addend
      if isWide, number != 0 {
        result.words.append(
          LinkedPatch.Word(offset: offset, symbol: number, addend: relocation.addend, content: .address))
      }
    case .relative: value = try nearAddress(relocation, place, &result) &+ addend &- here
    case .branch: value = try branch(relocation, section, rule, place, offset, &result)
    case .page: value = Self.page(try nearAddress(relocation, place, &result) &+ addend) &- Self.page(here)
    // (Else the addend is in the slot.)
    case .slot: value = try slotAddress() &+ (linking.addendsCountFromPlace ? addend : 0) &- here
    case .slotPage: value = Self.page(try slotAddress()) &- Self.page(here)
    case .slotAddress: value = try slotAddress()
    case .slotFromTablePage: value = try slotAddress() &- Self.page(table)
    case .slotFromTOC: value = try slotAddress() &- toc
    case .slotFromTable: value = try slotAddress() &+ addend &- table
    case .fromTOC: value = try address(number, place) &+ addend &- toc
    case .tableOfContents: value = toc &+ addend
    case .table: value = table &+ addend &- here
    case .fromTable: value = try address(number, place) &+ addend &- table
    case .size: value = patch.symbols[number].size &+ addend
    case .threadOffset: value = try threadOffset(number, place) &+ addend
    case .blockOffset: value = try blockOffset(number, place) &+ addend &- linking.blockBias
    case .descriptor(let step):
      return try rewriteDescriptor(step, relocation, rule, place, Int(offset), &result.bytes)
    }
    let signed = Int64(bitPattern: value)
    guard signed & (rule.alignment - 1) == 0 else {
      throw .relocation(place, .misaligned(signed, to: rule.alignment))
    }
    let rounded = signed &+ rule.rounding
    guard rule.range.contains(rounded) else { throw .relocation(place, .outOfRange(signed)) }
    rule.field.put(rounded >> Int64(rule.shift), &result.bytes, at: Int(offset))
  }

  /// An address that code has in less than 64 bits: a veneer's, of another module's function.
  func nearAddress(
    _ relocation: ELFRelocation, _ place: LinkPlace, _ result: inout LinkedPatch
  ) throws(LinkError) -> Address {
    let number = Int(relocation.symbol)
    guard case .address(let address, _, let isForeignCode) = try meaning(number, place) else {
      throw .relocation(place, .kind)
    }
    // (A weak symbol's address is compared with 0.)
    guard isForeignCode, linking.veneersStandForFunctions, patch.symbols[number].binding != .weak else {
      return address
    }
    let slot = LinkSlot(symbol: number, addend: 0, content: .address)
    return try veneer(slot, savesTOC: false, place, &result) ?? address
  }

  private static func page(_ address: Address) -> Address { address & ~0xfff }

  /// Makes of a call through a descriptor, which only the dynamic linker can make, a constant: the variable's offset from the thread
  /// pointer.
  private func rewriteDescriptor(
    _ step: RelocationRule.DescriptorStep, _ relocation: ELFRelocation, _ rule: RelocationRule,
    _ place: LinkPlace, _ offset: Int, _ bytes: inout [UInt8]
  ) throws(LinkError) {
    let lead = linking.descriptorLead(step)
    guard relocation.offset >= UInt64(lead) else { throw .relocation(place, .beyondSection) }
    let variable = Int64(bitPattern: try threadOffset(Int(relocation.symbol), place))
    let distance = variable &+ relocation.addend &+ linking.distanceOrigin
    // (The call itself holds no number.)
    guard step == .call || rule.range.contains(distance) else {
      throw .relocation(place, .outOfRange(distance))
    }
    let instruction = offset - lead..<offset + rule.field.bytes
    guard let code = linking.descriptorCode(step, distance, insteadOf: Array(bytes[instruction])) else {
      throw .relocation(place, .unexpectedInstruction)
    }
    bytes.replaceSubrange(instruction, with: code)
  }
}
