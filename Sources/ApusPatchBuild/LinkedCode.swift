internal import ApusCore

/// What is to be known of an architecture's code, and what can be read back of it that a linker has put addresses into. What may lead
/// by another way (a GOT, a PLT, a veneer) is not looked at.
protocol LinkedCode {
  /// The bytes of a jump.
  static var jumpBytes: UInt64 { get }
  /// What stands between functions.
  static var filler: UInt8 { get }
  /// The relocations whose place, not the end of the instruction that it stands in, their operand is relative to, though the processor
  /// begins at that end: the difference is in the addend.
  static var endRelative: Set<UInt32> { get }
  /// What a reference of a function came to be; nil if that cannot be told. What the instruction adds is taken out, as the table of the
  /// object file has it.
  static func address(of reference: Reference, in code: LinkedReferences) -> Address?
}

extension LinkedCode {
  /// The two's complement number of so many bits.
  static func signed(_ value: UInt32, bits: UInt32) -> UInt64 {
    UInt64(bitPattern: Int64(Int32(bitPattern: value << (32 - bits)) >> Int32(32 - bits)))
  }
}

extension Architecture {
  /// How its linked code is read.
  var linkedCode: any LinkedCode.Type {
    switch self {
    case .x86_64: X86_64LinkedCode.self
    case .arm64: ARM64LinkedCode.self
    case .ppc64le: PPC64LELinkedCode.self
    }
  }
}
