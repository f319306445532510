import ApusISA
import ApusProbe

/// What one region of a program keeps on the stack.
///
/// The condition flags are changed and not kept: they mean nothing where a function is entered and where it returns
/// (AAPCS64, 6.1.1), and no calling convention or interprocedural register allocation of gcc or LLVM carries them there
/// (gcc counts fixed registers as changed by every call, LLVM has no set of kept registers with NZCV in it). The same holds
/// for x16 and x17, which a linker's veneer may change (AAPCS64, 6.1.1 and 6.2); they are kept all the same. A call site that
/// is neither an entry nor a return must not be given to a stub.
struct ARM64Frame {
  /// The machine registers of v0 to v7, then three that no probe register has, then the link register. None carries an
  /// argument that a program may ask for (``ProbeInstruction/argument(_:_:)``: x0 to x5), and x18 is left alone.
  static let machine: InlineArray<12, ARM64.Register> = [
    .x9, .x10, .x11, .x12, .x13, .x14, .x15, .x7, .x16, .x17, .x8, .x30,
  ]
  /// Where the call sites of shared stubs put the caller's return address, and where such a stub keeps the body's: v0's register.
  static let siteLink = ARM64.Register.x9
  /// For values: operands that have to be loaded or made.
  static let value = ARM64.Register.x16
  static let valueBit: UInt16 = 1 << 8
  /// For addresses that are too far from their base. It is remembered what is in it.
  static let address = ARM64.Register.x17
  static let addressBit: UInt16 = 1 << 9
  /// For the status of exclusive stores.
  static let status = ARM64.Register.x8
  static let statusBit: UInt16 = 1 << 10
  static let linkBit: UInt16 = 1 << 11
  /// What routines may change besides v0 to v3.
  static let scratch = valueBit | addressBit | statusBit

  /// The order on the stack, upwards: the link register first, since it goes there and comes back with the stack pointer.
  private static let order: [Int] = [11, 8, 9, 10, 0, 1, 2, 3, 4, 5, 6, 7]

  /// The registers that are kept, from the stack pointer upwards.
  private(set) var registers: [ARM64.Register] = []
  /// Whether the return address is among them; if not, it is in the link register throughout.
  private(set) var hasLink = false
  /// The bytes of the register file, which lies above what is kept; 0 if there is none.
  private(set) var fileBytes: Int32 = 0

  /// - Parameter isShared: whether it is of a stub of many functions, which always keeps x9 and the link register.
  init(_ needs: RegionNeeds = RegionNeeds(), isShared: Bool = false) {
    let saved = needs.saved | (isShared ? Self.linkBit | 1 : 0)
    registers = Self.order.filter { saved & 1 << UInt16($0) != 0 }.map { Self.machine[$0] }
    hasLink = saved & Self.linkBit != 0
    fileBytes = needs.hasRegisterFile ? Int32(ARM64.registerFile.frameBytes) : 0
  }

  /// The frame's bytes: the stack pointer is a multiple of 16 whenever memory is accessed through it (AAPCS64, 6.4.6).
  var byteCount: Int32 { fileBytes + keptBytes }
  /// Those of what is kept.
  var keptBytes: Int32 { Int32((registers.count + 1) / 2 * 16) }

  /// Where the caller's return address stands, from the stack pointer and from the CFA.
  static let linkOffset: UInt32 = 0
  var linkFromCFA: Int32 { -byteCount }

  /// Machine registers that an instruction changes besides those it names.
  static func hiddenRegisters(_ instruction: ProbeInstruction) -> UInt16 {
    switch instruction {
    case .load(_, let place, let width), .store(let place, _, let width): addressing(place, width)
    case .loadOrFault(_, let place, _), .storeOrFault(let place, _, _): addressing(place, .eight)
    case .storeConstant(let place, let value): addressing(place, .eight) | (value == 0 ? 0 : valueBit)
    case .loadAcquire(_, let place), .storeRelease(let place, _): place.offset == 0 ? 0 : addressBit
    case .arithmetic(let kind, _, let operand):
      switch operand {
      case .register: 0
      case .memory: valueBit
      case .immediate(let value): ARM64Immediate(kind, value) == .none ? valueBit : 0
      }
    case .branch(let condition, _, let operand, _):
      switch operand {
      case .register: 0
      case .memory: valueBit
      case .immediate(let value): ARM64Immediate(comparison: condition, value) == .none ? valueBit : 0
      }
    case .localAdd(let place, let operand), .atomicAdd(let place, let operand):
      valueBit | statusBit | (place.offset == 0 ? 0 : addressBit) | (operand.isRegister ? 0 : statusBit)
    case .localCompareExchange(let place, _, _, _), .atomicCompareExchange(let place, _, _, _):
      valueBit | (place.offset == 0 ? 0 : addressBit)
    case .call: scratch | linkBit
    default: 0
    }
  }

  private static func addressing(_ place: ProbeAddress, _ width: ProbeWidth) -> UInt16 {
    ARM64Displacement(place.offset, width) == .near ? 0 : addressBit
  }
}

extension ProbeOperand {
  fileprivate var isRegister: Bool { if case .register = self { true } else { false } }
}
