internal import ApusISA

/// r2, the pointer into the table of contents: a call of another module, or of a function that does not keep it, changes it.
extension PPC64LELinking {
  /// Where a caller's frame keeps r2 (ELFv2, 2.2.3, the stack frame; 2.3.6.1).
  static let savedTOC = PPC64LE.Memory(.stackPointer, 24)

  /// The three upper bits of `st_other` (ELFv2, 3.4.1).
  static func localEntry(_ other: UInt8) -> UInt64 {
    let code = UInt64(other >> 5)
    return code < 2 ? 0 : 1 << code
  }

  /// 1 in those bits: the two entries are the same, and the function does not keep r2.
  static func losesTOC(isForeign: Bool, _ other: UInt8) -> Bool { isForeign || other >> 5 == 1 }

  /// Compilers leave a `nop` there (ELFv2, 2.3.6.1).
  static func restoreTOC(behind offset: Int, _ code: inout [UInt8]) -> Bool {
    let next = offset + 4
    // The lowest bit says that it is a call and not a jump (Power ISA, book I, 2.4, LK).
    guard offset >= 0, next + 4 <= code.count, code[offset] & 1 == 1 else { return false }
    let there = Array(code[next..<next + 4])
    guard there == noOperation || there == restore else { return false }
    code.replaceSubrange(next..<next + 4, with: restore)
    return true
  }

  private static let noOperation: [UInt8] = {
    var code = PPC64LE.Encoder()
    code.noOperation()
    return code.bytes
  }()

  /// `ld r2, 24(r1)`.
  private static let restore: [UInt8] = {
    var code = PPC64LE.Encoder()
    code.load(.r2, savedTOC, .eight)
    return code.bytes
  }()
}
