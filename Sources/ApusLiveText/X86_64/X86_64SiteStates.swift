package import ApusCore

/// The states of a call site's slot on x86_64, and the writes that lead from one to another.
///
/// ```
/// untouched   the compiler's nops, 5 bytes or more
/// prepared    eb 03 d1 d2 d3     a short jump over the slot
/// enabled     e9 03 d1 d2 d3     a jump to the stub
/// ```
/// The stub stands at an address equal to slot + 8 modulo 256, so that the jump's lowest displacement byte is 03, and
/// prepared and enabled differ in the first byte alone.
///
/// 1. untouched → prepared: all five bytes, while no thread can run there (the program has not started, or the library's
///    loader waits for us). Or straight to enabled, if the five lie in one page, which is written wholly or not at all.
/// 2. prepared ↔ enabled: one byte, at any time. A thread that fetches the slot sees one of two whole instructions.
///
/// Bytes are read and compared before each write.
package enum X86_64SiteStates: SiteStateTable {
  /// The bytes that we write.
  package static let slotBytes = 5
  /// Stubs stand at this distance from the slot, modulo ``stubModulus``.
  package static let stubResidue: UInt64 = 8
  package static let stubModulus: UInt64 = 256
  /// How far a branch reaches.
  package static let reach: UInt64 = 0x7fff_0000
  /// Instruction fetches see stores through every mapping (Intel SDM, volume 3, 11.6; AMD APM, volume 2, 7.6.1).
  package static let hasCoherentFetches = true

  /// The first byte of a prepared slot.
  package static let preparedByte: UInt8 = 0xeb
  /// The first byte of an enabled slot.
  package static let enabledByte: UInt8 = 0xe9

  package static func stubPlacement(slot: Address) -> (residue: UInt64, modulus: UInt64) {
    (slot &+ stubResidue, stubModulus)
  }

  package static func enabling(slot: Address, stub: Address) -> [UInt8]? {
    prepared(slot: slot, stub: stub).map { _ in [enabledByte] }
  }
  package static var disabling: [UInt8] { [preparedByte] }

  /// A prepared slot's bytes; nil if the stub is not where it must be.
  package static func prepared(slot: Address, stub: Address) -> [UInt8]? {
    guard let bytes = jump(from: slot, to: stub), bytes[1] == 3 else { return nil }
    return [preparedByte] + bytes.dropFirst()
  }

  /// A five-byte jump; nil if it does not reach.
  package static func jump(from place: Address, to target: Address) -> [UInt8]? {
    let distance = Int64(bitPattern: target &- (place &+ 5))
    guard let short = Int32(exactly: distance) else { return nil }
    let bits = UInt32(bitPattern: short)
    return [enabledByte] + (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
  }
}
