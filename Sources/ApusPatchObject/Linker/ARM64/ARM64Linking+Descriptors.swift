internal import ApusISA

/// "ELF for the Arm 64-bit Architecture", 5.7.11.8: the call becomes a constant of 32 bits in two instructions, the other two do nothing.
extension ARM64Linking {
  static func descriptorCode(
    _ step: RelocationRule.DescriptorStep, _ distance: Int64, insteadOf old: [UInt8]
  ) -> [UInt8]? {
    guard old.count == ARM64.instructionSize else { return nil }
    let word = old.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard isExpected(word, step) else { return nil }
    var code = ARM64.Encoder()
    switch step {
    // adrp xd: movz xd, #high, lsl #16
    case .page: code.moveZero(.init(number: word), UInt16(truncatingIfNeeded: distance >> 16), part: 1)
    // ldr xt, [xn]: movk xn, #low
    case .load: code.moveKeep(.init(number: word >> 5), UInt16(truncatingIfNeeded: distance))
    case .add, .call: code.hint(.noOperation)
    }
    return code.bytes
  }

  /// Whether an instruction is what stands at this step; the registers may be any, numbers are not set yet.
  private static func isExpected(_ word: UInt32, _ step: RelocationRule.DescriptorStep) -> Bool {
    // What says which instruction it is: all but registers and immediates.
    let (page, unsignedOffset, register): (UInt32, UInt32, UInt32) = (0x9f00_0000, 0xffc0_0000, 0xffff_fc1f)
    return switch step {
    case .page: word & page == ARM64.Opcode.addressOfPage.rawValue
    case .load:
      word & unsignedOffset == ARM64.Opcode.loadScaled.rawValue | ARM64.Width.eight.shift << 30
    case .add: word & unsignedOffset == ARM64.Opcode.addImmediate.rawValue
    case .call: word & register == ARM64.Opcode.branchLinkRegister.rawValue
    }
  }
}
