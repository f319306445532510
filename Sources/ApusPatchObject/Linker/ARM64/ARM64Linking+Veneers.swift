internal import ApusISA

extension ARM64Linking {
  static let veneerSize: UInt64 = 16
  static let veneersStandForFunctions = true

  /// `adrp x16, slot; ldr x16, [x16, slot]; br x16`: x16 is IP0, which veneers may change (AAPCS64, 6.1.1).
  static func code(of veneer: Veneer) -> [UInt8]? {
    let page: UInt64 = 4096
    let pages = Int64(bitPattern: veneer.slot / page * page &- veneer.place / page * page) / Int64(page)
    guard RelocationRule.Range.signed(21).contains(pages) else { return nil }
    var code = ARM64.Encoder()
    code.addressOfPage(.x16, Int(pages))
    code.load(.x16, .x16, UInt32(veneer.slot % page), .eight)
    code.jump(through: .x16)
    while code.count < veneerSize { code.hint(.noOperation) }
    return code.bytes
  }
}
