internal import ApusCore

/// Code that jumps to an address in a slot: for calls that do not reach, and for calls of other modules.
///
/// It changes registers only that the procedure-call standards leave to linkers: none on x86-64; x16 on arm64; r12 and ctr on
/// ppc64le, and the caller's word for its TOC pointer.
enum Veneer {
  static let alignment: UInt64 = 16

  static func size(_ architecture: Architecture) -> UInt64 { architecture == .ppc64le ? 32 : 16 }

  /// The code.
  ///
  /// - Parameters:
  ///   - place: where it will be.
  ///   - slot: where the address is.
  ///   - toc: what r2 holds; ppc64le only.
  ///   - savesTOC: r2 is kept for the caller, which loads it again (ELFv2, 2.3.6.1).
  /// - Returns: nil if the slot is too far away.
  static func code(
    _ architecture: Architecture, at place: Address, slot: Address, toc: Address, savesTOC: Bool
  ) -> [UInt8]? {
    var writer = ByteWriter()
    switch architecture {
    case .x86_64:
      // jmp *slot(%rip)
      guard let distance = Int32(exactly: Int64(bitPattern: slot &- place &- 6)) else { return nil }
      writer.append(UInt16(0x25ff))
      writer.append(distance)
      writer.append(contentsOf: [UInt8](repeating: 0xcc, count: 10))
    case .arm64:
      // adrp x16, slot; ldr x16, [x16, slot]; br x16
      let pages = Int64(bitPattern: (slot & ~0xfff) &- (place & ~0xfff)) >> 12
      guard pages >= -(1 << 20), pages < 1 << 20 else { return nil }
      let bits = UInt32(truncatingIfNeeded: pages)
      writer.append(0x9000_0010 | (bits & 3) << 29 | (bits >> 2 & 0x7ffff) << 5)
      writer.append(0xf940_0210 | UInt32(truncatingIfNeeded: (slot & 0xfff) >> 3) << 10)
      writer.append(UInt32(0xd61f_0200))
      writer.append(UInt32(0xd503_201f))
    case .ppc64le:
      let distance = Int64(bitPattern: slot &- toc)
      guard let high = Int16(exactly: (distance &+ 0x8000) >> 16), distance & 3 == 0 else { return nil }
      let low = UInt32(truncatingIfNeeded: distance) & 0xfffc
      writer.append(savesTOC ? UInt32(0xf841_0018) : 0x6000_0000)  // std r2, 24(r1)
      writer.append(0x3d82_0000 | UInt32(UInt16(bitPattern: high)))  // addis r12, r2, slot@ha
      writer.append(0xe98c_0000 | low)  // ld r12, slot@l(r12)
      writer.append(UInt32(0x7d89_03a6))  // mtctr r12
      writer.append(UInt32(0x4e80_0420))  // bctr
      for _ in 0..<3 { writer.append(UInt32(0x6000_0000)) }
    }
    return writer.bytes
  }
}
