internal import ApusISA

extension PPC64LELinking {
  static let veneerSize: UInt64 = 32
  /// They need the caller's r2, which whoever calls a pointer need not have.
  static let veneersStandForFunctions = false

  /// `std r2, 24(r1)` or `nop; addis r12, r2, slot@ha; ld r12, slot@l(r12); mtctr r12; bctr`: r12 holds the address of a function
  /// that is entered globally (ELFv2, 2.2.2.1).
  static func code(of veneer: Veneer) -> [UInt8]? {
    let distance = Int64(bitPattern: veneer.slot &- veneer.toc)
    guard let high = Int16(exactly: (distance &+ 0x8000) >> 16), distance & 3 == 0 else { return nil }
    var code = PPC64LE.Encoder()
    if veneer.savesTOC { code.store(savedTOC, .r2, .eight) } else { code.noOperation() }
    code.addImmediateShifted(.r12, .r2, high)
    code.load(.r12, .init(.r12, Int16(truncatingIfNeeded: distance)), .eight)
    code.move(to: .count, .r12)
    code.jumpThroughCount()
    while code.count < veneerSize { code.noOperation() }
    return code.bytes
  }
}
