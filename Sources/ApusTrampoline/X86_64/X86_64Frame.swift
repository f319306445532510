import ApusISA
import ApusProbe

/// What one region of a program keeps on the stack.
struct X86_64Frame {
  /// The machine registers of v0 to v7, then one that no probe register has.
  static let machine: InlineArray<9, X86_64.Register> = [
    .rax, .rcx, .rdx, .rsi, .rdi, .r8, .r9, .r10, .r11,
  ]
  /// The bit of rax, of rdx and of the extra register.
  static let accumulator: UInt16 = 1 << 0
  static let data: UInt16 = 1 << 2
  static let extra: UInt16 = 1 << 8

  /// Bits by index in ``machine``: what is pushed, lowest bit first.
  var saved: UInt16 = 0
  /// Probe registers that may hold a value that is still needed.
  var live: UInt16 = 0
  /// The bytes of the register file, which lies between the return address and what is pushed; 0 if there is none.
  var fileBytes: Int32 = 0

  init(_ needs: RegionNeeds = RegionNeeds()) {
    saved = needs.saved
    live = needs.live
    fileBytes = needs.hasRegisterFile ? Int32(X86_64.registerFile.frameBytes) : 0
  }

  /// How many bytes are pushed, the register file included.
  var byteCount: Int32 { fileBytes + Int32(saved.nonzeroBitCount) * 8 }

  /// Where the saved value of the register with this index stands, from rsp; nil if it was not pushed.
  func slot(_ index: Int) -> Int32? {
    guard saved & (1 << UInt16(index)) != 0 else { return nil }
    return Int32((saved >> UInt16(index + 1)).nonzeroBitCount) * 8
  }

  /// Machine registers that the instruction changes besides those it names.
  static func hiddenRegisters(_ instruction: ProbeInstruction) -> UInt16 {
    switch instruction {
    case .localCompareExchange, .atomicCompareExchange: accumulator
    case .timestamp: accumulator | data
    case .localAdd(_, .memory), .atomicAdd(_, .memory): extra
    default: 0
    }
  }
}
