internal import ApusCore

/// Calls and jumps, and what `adrp` and `add` make. (ELF for the Arm 64-bit architecture, 5.7.)
enum ARM64LinkedCode: LinkedCode {
  static let jumpBytes: UInt64 = 4
  static let filler: UInt8 = 0
  static let endRelative: Set<UInt32> = []

  static func address(of reference: Reference, in code: LinkedReferences) -> Address? {
    guard let word = code.word(at: reference) else { return nil }
    let place = code.start &+ reference.place
    switch reference.type {
    case 282, 283:  // JUMP26, CALL26: b or bl
      return word >> 26 & 0x1f == 5 ? place &+ signed(word, bits: 26) << 2 : nil
    case 275: return paged(reference, place, word, code)  // ADR_PREL_PG_HI21
    default: return nil
    }
  }

  /// The page that an `adrp` has, and the place in it that an `add` for the same has (ADD_ABS_LO12_NC).
  private static func paged(
    _ reference: Reference, _ place: Address, _ adrp: UInt32, _ code: LinkedReferences
  ) -> Address? {
    let low = code.table.references(of: code.function).first {
      $0.type == 277 && $0.target == reference.target
    }
    guard let low, let add = code.word(at: low), adrp & 0x9f00_0000 == 0x9000_0000,
      add & 0xffc0_0000 == 0x9100_0000
    else { return nil }
    let pages = signed((adrp >> 5 & 0x7ffff) << 2 | adrp >> 29 & 3, bits: 21)
    return (place & ~0xfff) &+ pages << 12 &+ UInt64(add >> 10 & 0xfff)
  }
}
