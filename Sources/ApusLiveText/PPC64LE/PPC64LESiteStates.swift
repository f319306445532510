package import ApusCore
internal import ApusISA

/// The states of a call site's slot on ppc64le, and the writes that lead from one to another.
///
/// ```
/// untouched   00 00 00 60     the compiler's first nop behind the local entry
/// prepared    00 00 00 60     the same
/// enabled     xx xx xx 48+    b stub
/// ```
/// A no-operation and a branch may take each other's place while other threads execute them (Power ISA, book II, 4.6,
/// "Concurrent modification and execution of instructions"), if the store is one of 4 bytes and aligned.
package enum PPC64LESiteStates: SiteStateTable {
  package static let slotBytes = 4
  /// ±32 MiB, with room for the stubs' own length.
  package static let reach: UInt64 = (32 << 20) - (1 << 16)
  /// Instruction caches need maintenance (Power ISA, book II, 1.8).
  package static let hasCoherentFetches = false

  /// Stubs may stand anywhere.
  package static func stubPlacement(slot: Address) -> (residue: UInt64, modulus: UInt64) { (0, 16) }

  package static func prepared(slot: Address, stub: Address) -> [UInt8]? {
    jump(from: slot, to: stub).map { _ in disabling }
  }

  package static func enabling(slot: Address, stub: Address) -> [UInt8]? { jump(from: slot, to: stub) }

  package static var disabling: [UInt8] {
    var encoder = PPC64LE.Encoder()
    encoder.noOperation()
    return encoder.bytes
  }

  package static func jump(from place: Address, to target: Address) -> [UInt8]? {
    let distance = Int64(bitPattern: target &- place)
    guard place & 3 == 0, distance & 3 == 0, distance >= -(32 << 20), distance < 32 << 20 else { return nil }
    var encoder = PPC64LE.Encoder()
    encoder.jump(Int32(distance))
    return encoder.bytes
  }
}
