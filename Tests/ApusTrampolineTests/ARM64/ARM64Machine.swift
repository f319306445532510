import ApusCore
import ApusISA
import ApusProbe
import TestSupport

@testable import ApusTrampoline

/// The registers of an arm64 program: x0 to x30, sp, and 64 words of vector registers.
struct ARM64RegisterValues: MachineRegisters {
  static let architecture = Architecture.arm64
  static let tools = "aarch64-linux-gnu-"
  static let compilerOptions = ""
  static let emulator = "qemu-aarch64"
  static let assembly = "arm64.S"
  static let argumentRegisters: [ProbeRegister] = []
  static let count = 96
  static let link = 30
  var words: [UInt64]

  init(words: some Collection<UInt64>) { self.words = Array(words) }
  init(_ random: inout Randomness) { words = (0..<Self.count).map { _ in random.next() } }

  subscript(register: ARM64.Register) -> UInt64 {
    get { words[Int(register.rawValue)] }
    set { words[Int(register.rawValue)] = newValue }
  }

  mutating func prepareToEnter(stack: Address, returnAddress: Address) {
    self[.x30] = returnAddress
    self[.sp] = stack
  }

  /// The emulated process goes through x17, which a few instructions then set.
  func entry(of program: Address, at address: Address) -> [UInt8] {
    var encoder = ARM64.Encoder()
    encoder.constant(.x17, self[.x17])
    encoder.jump(Int(Int64(bitPattern: program &- address)) - encoder.count)
    return encoder.bytes
  }

  static var sharedSite: SharedSite? {
    SharedSite(
      register: 9,
      code: { site, stub, body in
        var encoder = ARM64.Encoder()
        encoder.move(.x9, .x30)
        encoder.call(Int(Int64(bitPattern: stub &- site)) - encoder.count)
        encoder.jump(Int(Int64(bitPattern: body &- site)) - encoder.count)
        return encoder.bytes
      }, bodyOffset: 8)
  }

  static let argumentWords = 0..<6
  static let jumpRegisters = [17]
  static func keepsJumpRegister(_ program: ProbeProgram) throws -> Bool {
    let outline = try ProgramOutline(
      program, free: ARM64Frame.scratch, hidden: ARM64Frame.hiddenRegisters)
    return outline.needs(at: 0).saved & ARM64Frame.addressBit != 0
  }

  var registerFileWords: [UInt64?] { words[0..<32].map { Optional($0) } + [0, nil] }

  static func name(_ index: Int) -> String {
    index < 31 ? "x\(index)" : index == 31 ? "sp" : "q\((index - 32) / 2)"
  }

  func entered(threadPointer: UInt64) -> ARM64RegisterValues { self }

  func returned(_ result: ARM64RegisterValues) -> ARM64RegisterValues {
    var expected = result
    for number in 18...31 { expected.words[number] = words[number] }
    return expected
  }
}
