/// The relocations of ppc64le ("64-Bit ELF V2 ABI Specification: Power Architecture", 3.5).
enum PPC64LERelocations {
  static let rules: [UInt32: RelocationRule] = {
    var rules: [UInt32: RelocationRule] = [
      0: .mark("NONE"),
      1: .data("ADDR32", .absolute, bytes: 4, .either(32)),
      10: RelocationRule(
        name: "REL24", value: .branch, shift: 2, range: .signed(26), alignment: 4,
        field: .bits(24, at: 2, of: 4)),
      11: RelocationRule(
        name: "REL14", value: .relative, shift: 2, range: .signed(16), alignment: 4,
        field: .bits(14, at: 2, of: 4)
      ),
      26: .data("REL32", .relative, bytes: 4, .signed(32)),
      38: .data("ADDR64", .absolute, bytes: 8),
      44: .data("REL64", .relative, bytes: 8),
      51: .data("TOC", .tableOfContents, bytes: 8),
      67: .mark("TLS"),
      73: .data("TPREL64", .threadOffset, bytes: 8),
      78: .data("DTPREL64", .blockOffset, bytes: 8),
      107: .mark("TLSGD"),
      108: .mark("TLSLD"),
      109: .mark("TOCSAVE"),
      118: .mark("ENTRY"),
    ]
    halves(&rules, "ADDR16", .absolute, [.whole: 3, .low: 4, .high: 5, .adjusted: 6], doubleWord: (56, 57))
    halves(&rules, "TOC16", .fromTOC, [.whole: 47, .low: 48, .high: 49, .adjusted: 50], doubleWord: (63, 64))
    halves(
      &rules, "GOT16", .slotFromTOC(.address), [.whole: 14, .low: 15, .high: 16, .adjusted: 17],
      doubleWord: (58, 59))
    halves(&rules, "REL16", .relative, [.whole: 249, .low: 250, .high: 251, .adjusted: 252])
    halves(
      &rules, "TPREL16", .threadOffset, [.whole: 69, .low: 70, .high: 71, .adjusted: 72], doubleWord: (95, 96)
    )
    halves(
      &rules, "DTPREL16", .blockOffset, [.whole: 74, .low: 75, .high: 76, .adjusted: 77],
      doubleWord: (101, 102))
    halves(&rules, "GOT_TLSGD16", .slotFromTOC(.variable), [.whole: 79, .low: 80, .high: 81, .adjusted: 82])
    halves(&rules, "GOT_TLSLD16", .slotFromTOC(.block), [.whole: 83, .low: 84, .high: 85, .adjusted: 86])
    halves(
      &rules, "GOT_TPREL16", .slotFromTOC(.threadOffset), [.high: 89, .adjusted: 90], doubleWord: (87, 88))
    halves(
      &rules, "GOT_DTPREL16", .slotFromTOC(.blockOffset), [.high: 93, .adjusted: 94], doubleWord: (91, 92))
    // The upper half of an address of 64 bits.
    for (index, name) in ["HIGHER", "HIGHERA", "HIGHEST", "HIGHESTA"].enumerated() {
      rules[UInt32(39 + index)] = RelocationRule(
        name: "ADDR16_\(name)", value: .absolute, rounding: index % 2 == 1 ? 0x8000 : 0,
        shift: index < 2 ? 32 : 48,
        field: half)
    }
    return rules
  }()

  /// Which sixteen bits of a value.
  private enum Part: Hashable { case whole, low, high, adjusted }

  private static let half = RelocationRule.Field.bits(16, at: 0, of: 2)

  /// The relocations of instructions with sixteen bits, and of those whose two lowest bits say which instruction it is.
  private static func halves(
    _ rules: inout [UInt32: RelocationRule], _ name: String, _ value: RelocationRule.Value,
    _ types: [Part: UInt32], doubleWord: (whole: UInt32, low: UInt32)? = nil
  ) {
    for (part, type) in types {
      rules[type] =
        switch part {
        case .whole: RelocationRule(name: name, value: value, range: .signed(16), field: half)
        case .low: RelocationRule(name: name + "_LO", value: value, field: half)
        case .high:
          RelocationRule(name: name + "_HI", value: value, shift: 16, range: .signed(32), field: half)
        case .adjusted:
          RelocationRule(
            name: name + "_HA", value: value, rounding: 0x8000, shift: 16, range: .signed(32), field: half)
        }
    }
    if let doubleWord {
      let field = RelocationRule.Field.bits(14, at: 2, of: 2)
      rules[doubleWord.whole] = RelocationRule(
        name: name + "_DS", value: value, shift: 2, range: .signed(16), alignment: 4, field: field)
      rules[doubleWord.low] = RelocationRule(
        name: name + "_LO_DS", value: value, shift: 2, alignment: 4, field: field)
    }
  }
}
