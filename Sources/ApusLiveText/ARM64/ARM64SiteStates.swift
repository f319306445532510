package import ApusCore
internal import ApusISA

/// The states of a call site's slot on arm64, and the writes that lead from one to another.
///
/// ```
/// untouched   1f 20 03 d5     the compiler's first nop behind the landing pad
/// prepared    1f 20 03 d5     the same
/// enabled     xx xx xx 14+    b stub
/// ```
/// A nop and a branch may take each other's place while other threads execute them (Arm ARM, B2.2.5, "Concurrent
/// modification and execution of instructions"): each thread executes the one or the other, if the store is one of 4
/// bytes and aligned. The kernel's way to /proc/PID/mem makes such a store (Documentation/Decisions/0012).
///
/// 1. untouched → prepared: nothing to write.
/// 2. prepared ↔ enabled: one aligned store of four bytes, at any time. The stub has been written, and the caches maintained,
///    before the branch to it is.
///
/// The stub goes back to the body by a direct branch, for which no landing pad is needed. Bytes are read and compared before
/// each write.
package enum ARM64SiteStates: SiteStateTable {
  package static let slotBytes = ARM64.instructionSize
  /// ±128 MiB, with room for the stubs' own length.
  package static let reach: UInt64 = (128 << 20) - (1 << 16)
  /// Instruction caches need maintenance (Arm ARM, B2.4.4).
  package static let hasCoherentFetches = false

  /// Stubs may stand anywhere.
  package static func stubPlacement(slot: Address) -> (residue: UInt64, modulus: UInt64) { (0, 16) }

  package static func prepared(slot: Address, stub: Address) -> [UInt8]? {
    jump(from: slot, to: stub).map { _ in disabling }
  }

  package static func enabling(slot: Address, stub: Address) -> [UInt8]? { jump(from: slot, to: stub) }

  package static var disabling: [UInt8] {
    var encoder = ARM64.Encoder()
    encoder.hint(.noOperation)
    return encoder.bytes
  }

  package static func jump(from place: Address, to target: Address) -> [UInt8]? {
    let distance = Int64(bitPattern: target &- place)
    guard place & 3 == 0, ARM64.branchReaches(distance, width: ARM64.Reach.branch) else { return nil }
    var encoder = ARM64.Encoder()
    encoder.jump(Int(distance))
    return encoder.bytes
  }
}
