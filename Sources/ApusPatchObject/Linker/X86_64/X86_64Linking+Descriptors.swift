internal import ApusISA

/// "Thread-Local Storage Descriptors for IA32 and AMD64/EM64T": the call becomes a constant, as linkers do it for executables.
extension X86_64Linking {
  static func descriptorLead(_ step: RelocationRule.DescriptorStep) -> Int { step == .page ? 3 : 0 }

  static func descriptorCode(
    _ step: RelocationRule.DescriptorStep, _ distance: Int64, insteadOf old: [UInt8]
  ) -> [UInt8]? {
    var code = X86_64.Encoder()
    switch step {
    case .page:
      // lea x@tlsdesc(%rip), reg: mov $distance, reg
      guard let register = loaded(old), let distance = Int32(exactly: distance) else { return nil }
      code.moveSigned(register, distance)
    case .call:
      guard old == callThroughRAX else { return nil }
      code.noOperation(old.count)
    case .load, .add: return nil
    }
    return code.bytes
  }

  /// `call *(%rax)`.
  private static let callThroughRAX: [UInt8] = {
    var code = X86_64.Encoder()
    code.call(through: .init(.rax))
    return code.bytes
  }()

  /// The register of `lea distance(%rip), reg`, 64 bits wide.
  private static func loaded(_ code: [UInt8]) -> X86_64.Register? {
    // REX.W, with REX.R if it is r8 to r15; the opcode; ModRM: mod 0 and r/m 5 are the next instruction's address and a distance.
    let (extended, relative): (UInt8, UInt8) = (0x04, 0x05)
    guard code.count == 7, code[0] & ~extended == X86_64.Prefix.rex.rawValue | 0x08,
      UInt16(code[1]) == X86_64.Opcode.loadEffectiveAddress.rawValue, code[2] & 0xc7 == relative
    else { return nil }
    return X86_64.Register(rawValue: (code[0] & extended) << 1 | code[2] >> 3 & 7)
  }
}
