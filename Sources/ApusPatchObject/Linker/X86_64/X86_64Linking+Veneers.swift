internal import ApusISA

extension X86_64Linking {
  static let veneerSize: UInt64 = 16
  static let veneersStandForFunctions = true

  /// `jmp *slot(%rip)`.
  static func code(of veneer: Veneer) -> [UInt8]? {
    let jumpSize: UInt64 = 6
    let next = veneer.place &+ jumpSize
    guard let distance = Int32(exactly: Int64(bitPattern: veneer.slot &- next)) else { return nil }
    var code = X86_64.Encoder()
    code.jump(through: .relative(distance))
    while code.count < veneerSize { code.breakpoint() }
    return code.bytes
  }
}
