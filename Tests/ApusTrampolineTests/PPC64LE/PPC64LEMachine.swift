import ApusCore
import ApusISA
import ApusProbe
import TestSupport

@testable import ApusTrampoline

/// The registers of a ppc64le program: r0 to r31, LR, CTR, XER, CR, and 128 words of vector registers.
struct PPC64LERegisterValues: MachineRegisters {
  static let architecture = Architecture.ppc64le
  static let tools = "powerpc64le-linux-gnu-"
  /// Below what is mapped for code, as arm64's is: the emulator keeps all between the parts of a program's image to itself.
  static let compilerOptions = "-mcpu=power8 -Wl,-Ttext-segment=0x400000"
  static let emulator = "qemu-ppc64le -cpu POWER8"
  static let assembly = "ppc64le.S"
  static let argumentRegisters: [ProbeRegister] = [.v2, .v3, .v4, .v5, .v6, .v7]
  static let count = 164
  static let (link, exceptions, condition) = (32, 34, 35)
  var words: [UInt64]

  init(words: some Collection<UInt64>) { self.words = Array(words) }
  init(_ random: inout Randomness) {
    words = (0..<Self.count).map { _ in random.next() }
    // What is not defined of XER cannot be kept.
    words[Self.exceptions] &= 0xe000_0000
    words[Self.condition] &= 0xffff_ffff
  }

  subscript(register: PPC64LE.Register) -> UInt64 {
    get { words[Int(register.rawValue)] }
    set { words[Int(register.rawValue)] = newValue }
  }

  mutating func prepareToEnter(stack: Address, returnAddress: Address) {
    words[Self.link] = returnAddress
    self[.stackPointer] = stack
  }

  /// The emulated process goes through the target register, which nobody uses.
  func entry(of program: Address, at address: Address) -> [UInt8] { [] }

  static var sharedSite: SharedSite? { nil }

  static let argumentWords = 3..<9
  static let jumpRegisters = [12, 33]
  static func keepsJumpRegister(_ program: ProbeProgram) throws -> Bool {
    let outline = try ProgramOutline(
      program, free: PPC64LEFrame.routineScratch, hidden: PPC64LEFrame.hiddenRegisters)
    // r12 is that of v0.
    return outline.needs(at: 0).saved & 1 != 0
  }

  var registerFileWords: [UInt64?] {
    PPC64LE.RegisterFileSlot.allCases.map { slot in
      switch slot {
      case .orig_gpr3: self[.r3]
      case .ctr: words[33]
      case .link: words[Self.link]
      case .xer: words[Self.exceptions]
      case .ccr: words[Self.condition]
      default: slot.rawValue < 32 ? words[slot.rawValue] : 0
      }
    }
  }

  static func name(_ index: Int) -> String {
    index < 32 ? "r\(index)" : index < 36 ? ["LR", "CTR", "XER", "CR"][index - 32] : "vs\((index - 36) / 2)"
  }

  func entered(threadPointer: UInt64) -> PPC64LERegisterValues {
    var result = self
    result[.threadPointer] = threadPointer
    return result
  }

  func returned(_ result: PPC64LERegisterValues) -> PPC64LERegisterValues {
    var expected = result
    for register in PPC64LE.Register.nonvolatile + [.r2, .r13] { expected[register] = self[register] }
    expected.words[Self.link] = words[Self.link]
    // Fields 2 to 4 of the condition register are nonvolatile.
    let kept: UInt64 = 0x00ff_f000
    expected.words[Self.condition] = words[Self.condition] & kept | result.words[Self.condition] & ~kept
    return expected
  }
}
