internal import ApusISA

/// The relocations of arm64 ("ELF for the Arm 64-bit Architecture", 5.7).
enum ARM64Relocations {
  static let rules: [UInt32: RelocationRule] = {
    var rules: [UInt32: RelocationRule] = [
      0: .mark("NONE"),
      256: .mark("NONE"),
      // Data (5.7.5).
      257: .data("ABS64", .absolute, bytes: 8),
      258: .data("ABS32", .absolute, bytes: 4, .either(32)),
      259: .data("ABS16", .absolute, bytes: 2, .either(16)),
      260: .data("PREL64", .relative, bytes: 8),
      261: .data("PREL32", .relative, bytes: 4, .either(32)),
      262: .data("PREL16", .relative, bytes: 2, .either(16)),
      307: .data("GOTREL64", .fromTable, bytes: 8),
      308: .data("GOTREL32", .fromTable, bytes: 4, .signed(32)),
      314: .data("PLT32", .branch, bytes: 4, .signed(32)),
      // Addresses relative to the place (5.7.7).
      273: RelocationRule(
        name: "LD_PREL_LO19", value: .relative, shift: 2, range: .signed(21), alignment: 4, field: literal),
      274: RelocationRule(
        name: "ADR_PREL_LO21", value: .relative, range: .signed(21), field: splitImmediate),
      275: page("ADR_PREL_PG_HI21", .page),
      276: RelocationRule(name: "ADR_PREL_PG_HI21_NC", value: .page, shift: 12, field: splitImmediate),
      277: low("ADD_ABS_LO12_NC", .absolute, 0),
      278: low("LDST8_ABS_LO12_NC", .absolute, 0),
      284: low("LDST16_ABS_LO12_NC", .absolute, 1),
      285: low("LDST32_ABS_LO12_NC", .absolute, 2),
      286: low("LDST64_ABS_LO12_NC", .absolute, 3),
      299: low("LDST128_ABS_LO12_NC", .absolute, 4),
      // Branches (5.7.9).
      279: RelocationRule(
        name: "TSTBR14", value: .relative, shift: 2, range: .signed(16), alignment: 4,
        field: .bits(14, at: 5, of: 4)),
      280: RelocationRule(
        name: "CONDBR19", value: .relative, shift: 2, range: .signed(21), alignment: 4, field: literal),
      282: branch("JUMP26"),
      283: branch("CALL26"),
      // The global offset table (5.7.10).
      309: RelocationRule(
        name: "GOT_LD_PREL19", value: .slot(.address), shift: 2, range: .signed(21), alignment: 4,
        field: literal),
      311: page("ADR_GOT_PAGE", .slotPage(.address)),
      312: low("LD64_GOT_LO12_NC", .slotAddress(.address), 3),
      313: RelocationRule(
        name: "LD64_GOTPAGE_LO15", value: .slotFromTablePage, shift: 3, range: .unsigned(15), alignment: 8,
        field: .bits(12, at: 10, of: 4)),
      // Thread-local variables (5.7.11).
      513: page("TLSGD_ADR_PAGE21", .slotPage(.variable)),
      514: low("TLSGD_ADD_LO12_NC", .slotAddress(.variable), 0),
      518: page("TLSLD_ADR_PAGE21", .slotPage(.block)),
      519: low("TLSLD_ADD_LO12_NC", .slotAddress(.block), 0),
      541: page("TLSIE_ADR_GOTTPREL_PAGE21", .slotPage(.threadOffset)),
      542: low("TLSIE_LD64_GOTTPREL_LO12_NC", .slotAddress(.threadOffset), 3),
      562: descriptor("TLSDESC_ADR_PAGE21", .page),
      563: descriptor("TLSDESC_LD64_LO12", .load),
      564: descriptor("TLSDESC_ADD_LO12", .add),
      569: descriptor("TLSDESC_CALL", .call),
    ]
    // Sixteen bits of an address at a time (5.7.6).
    for (index, type) in [UInt32(263), 265, 267].enumerated() {
      rules[type] = move("MOVW_UABS_G\(index)", index, .unsigned(16 * (index + 1)))
      rules[type + 1] = move("MOVW_UABS_G\(index)_NC", index, .any)
      rules[UInt32(270 + index)] = RelocationRule(
        name: "MOVW_SABS_G\(index)", value: .absolute, shift: 16 * index,
        range: .signed(16 * (index + 1) + 1),
        field: signedMove)
    }
    rules[269] = move("MOVW_UABS_G3", 3, .any)
    thread(&rules, "TLSLE", "TPREL", .threadOffset, add: 549, loads: 552, wide: 570)
    thread(&rules, "TLSLD", "DTPREL", .blockOffset, add: 528, loads: 531, wide: 572)
    return rules
  }()

  private static let literal = RelocationRule.Field.bits(19, at: 5, of: 4)

  /// `immlo` and `immhi` of `adr` and `adrp` (Arm ARM, C6.2, ADR).
  private static let splitImmediate = RelocationRule.Field.pieces(
    [.init(count: 2, at: 29), .init(count: 19, at: 5)], of: 4)

  /// `imm16` of a `movz`, which becomes `movn` of the complement if the value is below zero (Arm ARM, C6.2, MOVN, MOVZ: `opc`).
  private static let signedMove: RelocationRule.Field = {
    let operation = RelocationRule.Piece(count: 2, at: 29)
    func code(_ opcode: ARM64.Opcode) -> UInt64 { UInt64(opcode.rawValue) >> UInt64(operation.at) & 3 }
    return .signed(
      .init(count: 16, at: 5), operation: operation, positive: code(.moveZero), negative: code(.moveNot),
      of: 4)
  }()

  private static func page(_ name: String, _ value: RelocationRule.Value) -> RelocationRule {
    RelocationRule(name: name, value: value, shift: 12, range: .signed(33), field: splitImmediate)
  }

  /// The low 12 bits of an address, in units of what is loaded.
  private static func low(
    _ name: String, _ value: RelocationRule.Value, _ scale: Int, _ range: RelocationRule.Range = .any
  ) -> RelocationRule {
    RelocationRule(
      name: name, value: value, shift: scale, range: range, alignment: 1 << scale,
      field: .bits(12 - scale, at: 10, of: 4))
  }

  private static func branch(_ name: String) -> RelocationRule {
    RelocationRule(
      name: name, value: .branch, shift: 2, range: .signed(28), alignment: 4, field: .bits(26, at: 0, of: 4))
  }

  private static func move(_ name: String, _ index: Int, _ range: RelocationRule.Range) -> RelocationRule {
    RelocationRule(
      name: name, value: .absolute, shift: 16 * index, range: range, field: .bits(16, at: 5, of: 4))
  }

  private static func descriptor(
    _ name: String, _ step: RelocationRule.DescriptorStep
  ) -> RelocationRule {
    RelocationRule(name: name, value: .descriptor(step), range: .unsigned(32), field: .bits(32, at: 0, of: 4))
  }

  /// The two dozen that take a variable's offset apart.
  private static func thread(
    _ rules: inout [UInt32: RelocationRule], _ model: String, _ what: String, _ value: RelocationRule.Value,
    add: UInt32, loads: UInt32, wide: UInt32
  ) {
    rules[add] = RelocationRule(
      name: "\(model)_ADD_\(what)_HI12", value: value, shift: 12, range: .unsigned(24),
      field: .bits(12, at: 10, of: 4))
    rules[add + 1] = low("\(model)_ADD_\(what)_LO12", value, 0, .unsigned(12))
    rules[add + 2] = low("\(model)_ADD_\(what)_LO12_NC", value, 0)
    for (scale, type) in [loads, loads + 2, loads + 4, loads + 6, wide].enumerated() {
      rules[type] = low("\(model)_LDST\(8 << scale)_\(what)_LO12", value, scale, .unsigned(12))
      rules[type + 1] = low("\(model)_LDST\(8 << scale)_\(what)_LO12_NC", value, scale)
    }
  }
}
