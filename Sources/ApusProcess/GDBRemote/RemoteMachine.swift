internal import ApusCore

/// What the remote back end must know of an architecture.
protocol RemoteMachine: Sendable {
  /// The general registers.
  var layout: RegisterLayout { get }
  /// The names that servers give to a word of the layout, where they are others than the layout's.
  var serverNames: [String: [String]] { get }
  /// The instruction that makes a system call.
  var systemCallInstruction: [UInt8] { get }
  /// Instructions stand at multiples of this.
  var instructionAlignment: Int { get }
  /// What gates are: a system call, and two instructions that do nothing (servers step over one with it), and a trap.
  var gateCode: [UInt8] { get }
  /// The bytes below a stack pointer that the interrupted function may use.
  var redZone: UInt64 { get }

  /// The number of openat.
  var openat: UInt64 { get }
  /// The number of read.
  var read: UInt64 { get }
  /// The instruction that reads the counter which events are stamped with, and one that does nothing.
  var counterCode: [UInt8] { get }
  /// The counter, after that instruction.
  func counter(_ registers: RegisterFile) -> UInt64

  /// The flags of mmap(2) that x86_64 and arm64 have, as this architecture has them.
  func mappingFlags(_ flags: UInt64) -> UInt64
  /// The system call's number.
  func number(of call: RemoteSystemCall) -> UInt64
  /// Whether an instruction changes neither memory nor a system call's result: a server may step over it, too.
  func isHarmless(_ instruction: ArraySlice<UInt8>) -> Bool
  /// The registers that make a call at `address`, with nothing for the kernel to restart.
  func calling(
    _ number: UInt64, _ arguments: [UInt64], at address: Address, from registers: RegisterFile
  ) -> RegisterFile
  /// A call's result: negative is an error number.
  func result(_ registers: RegisterFile) -> Int64
  /// What registers are set back to after a call: where a server does not set the word by which the kernel would know of an
  /// interrupted system call, the kernel's work of restarting it is done.
  func restored(_ registers: RegisterFile) -> RegisterFile
}

extension RemoteMachine {
  func calling(
    _ number: UInt64, _ arguments: [UInt64], at address: Address, from registers: RegisterFile
  ) -> RegisterFile {
    var result = registers
    for (index, value) in zip(layout.arguments, arguments) { result[index] = value }
    result[layout.systemCall] = number
    if let word = layout.originalSystemCall { result[word] = .max }
    result.programCounter = address
    return result
  }

  func result(_ registers: RegisterFile) -> Int64 { registers.result }

  func counter(_ registers: RegisterFile) -> UInt64 { registers[layout.result] }

  func restored(_ registers: RegisterFile) -> RegisterFile { registers }

  func mappingFlags(_ flags: UInt64) -> UInt64 { flags }
}

/// The machines there are.
enum RemoteMachines {
  static func machine(of architecture: Architecture) -> any RemoteMachine {
    switch architecture {
    case .x86_64: X86_64Remote()
    case .arm64: ARM64Remote()
    case .ppc64le: PPC64LERemote()
    }
  }
}
