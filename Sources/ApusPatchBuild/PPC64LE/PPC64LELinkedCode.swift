internal import ApusCore

/// Calls and jumps. (Where a local entry is called, no symbol stands, and nothing can be said. 64-bit ELF V2 ABI for Power, 3.5.)
enum PPC64LELinkedCode: LinkedCode {
  static let jumpBytes: UInt64 = 4
  static let filler: UInt8 = 0
  static let endRelative: Set<UInt32> = []

  static func address(of reference: Reference, in code: LinkedReferences) -> Address? {
    // REL24: b or bl
    guard reference.type == 10, let word = code.word(at: reference), word >> 26 == 18, word & 2 == 0 else {
      return nil
    }
    return code.start &+ reference.place &+ signed(word >> 2, bits: 24) << 2
  }
}
