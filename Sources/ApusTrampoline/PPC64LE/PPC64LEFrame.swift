import ApusISA
import ApusProbe

/// What one region of a program keeps below the stack pointer.
///
/// A stub does not move r1. What it saves lies in the 288 bytes below, which the ABI protects from signal handlers
/// (ELFv2 ABI, 2.2.2.4; the kernel stays 512 bytes clear). They are free: when a function is entered they are the callee's,
/// in whose place the stub stands; and when a function has returned, what it had there is dead. For the same reason nothing
/// that a stub keeps there outlives a call of the body.
///
/// ```
///   r1 + 24  the TOC, r1 + 16 the link register, r1 + 8 the condition register: words that the body may write; not ours
///   r1       the back chain of the caller's frame; r1 is the frame address and the CFA
///   r1 − 8   saved registers, in the order of their numbers
/// ```
///
/// The register file does not fit there. Where one is written, r1 goes down for it first, by a whole stack frame:
///
/// ```
///   r1 + 384  the frame address, the CFA
///   r1 + 32   the register file
///   r1        the back chain and three words that routines may write, as in every frame (ELFv2 ABI, 2.2.2.3)
///   r1 − 8    saved registers
/// ```
///
/// The caller's return address stays in the link register, but for calls of routines. For these r1 goes down below what is
/// saved, so that the routine can do the same.
struct PPC64LEFrame {
  /// The machine registers of v0 to v7, then three that no probe register has. r0 comes last: it is no base.
  static let machine: InlineArray<11, PPC64LE.Register> = [
    .r12, .r11, .r3, .r4, .r5, .r6, .r7, .r8, .r9, .r10, .r0,
  ]
  /// For addresses, and for the link register.
  static let address = PPC64LE.Register.r9
  /// For operands.
  static let operand = PPC64LE.Register.r10
  /// For the memory operand of an addition to memory.
  static let amount = PPC64LE.Register.r0

  // Bits of ``needs``; below are those of ``machine``.
  static let addressBit: UInt16 = 1 << 8
  static let operandBit: UInt16 = 1 << 9
  static let amountBit: UInt16 = 1 << 10
  /// Field 0 of the condition register. The ABI lets functions change it, but callers that know more about a function than
  /// the ABI says (gcc's -fipa-ra) may keep something there, as in r0, r11 and r12. CTR, XER and the other fields are not
  /// touched.
  static let conditionBit: UInt16 = 1 << 11
  /// The link register's place during calls of routines.
  static let linkBit: UInt16 = 1 << 12
  /// What routines may change besides v0 to v3; who calls one has saved it.
  static let routineScratch = addressBit | operandBit | conditionBit

  /// What is saved, and what is needed.
  var needs = RegionNeeds()

  /// How far r1 is below the frame address: room for the register file, or nothing.
  var fileDistance: Int16 {
    needs.hasRegisterFile ? Int16(PPC64LE.registerFile.frameBytes) + Self.fileOffset : 0
  }
  /// From r1 to the register file.
  static let fileOffset: Int16 = 32

  /// Where the saved value with this bit stands, from r1.
  func slot(_ bit: UInt16) -> Int16 {
    -8 * (1 + Int16((needs.saved & (bit &- 1)).nonzeroBitCount))
  }

  /// How far r1 goes down for calls of routines: below what is saved, and room for a back chain, in multiples of 16.
  var byteCount: Int16 { (8 * Int16(needs.saved.nonzeroBitCount) + 16 + 15) & ~15 }

  /// A saved general register, by number in ``machine``.
  var firstSaved: Int? {
    let general = needs.saved & (Self.conditionBit - 1)
    return general == 0 ? nil : general.trailingZeroBitCount
  }

  /// What an instruction changes besides the registers that it names.
  static func hiddenRegisters(_ instruction: ProbeInstruction) -> UInt16 {
    switch instruction {
    case .load(_, let place, let width), .store(let place, _, let width): far(place, width)
    case .loadAcquire(_, let place), .storeRelease(let place, _), .loadOrFault(_, let place, _),
      .storeOrFault(let place, _, _):
      far(place, .eight)
    case .storeConstant(let place, _): far(place, .eight) | operandBit
    case .arithmetic(let kind, _, let operand): hidden(operand, PPC64LELowering.isDirect(kind))
    case .addShifted: operandBit
    case .branch(let condition, _, let operand, _):
      hidden(operand, PPC64LELowering.isDirect(condition)) | conditionBit
    case .localAdd(let place, let operand), .atomicAdd(let place, let operand):
      reserved(place) | hidden(operand) { _ in true } | (operand.isMemory ? amountBit : 0)
    case .localCompareExchange(let place, _, _, _), .atomicCompareExchange(let place, _, _, _):
      reserved(place)
    case .call: routineScratch | linkBit
    default: 0
    }
  }

  private static func far(_ place: ProbeAddress, _ width: ProbeWidth) -> UInt16 {
    PPC64LELowering.isNear(place, width) ? 0 : addressBit
  }

  private static func reserved(_ place: ProbeAddress) -> UInt16 {
    (place.offset == 0 ? 0 : addressBit) | operandBit | conditionBit
  }

  private static func hidden(_ operand: ProbeOperand, _ isDirect: (Int32) -> Bool) -> UInt16 {
    switch operand {
    case .register: 0
    case .immediate(let value): isDirect(value) ? 0 : operandBit
    case .memory: operandBit
    }
  }
}

extension ProbeOperand {
  var isMemory: Bool { if case .memory = self { true } else { false } }
}
