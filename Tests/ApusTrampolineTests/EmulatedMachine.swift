import ApusCore
import ApusISA
import ApusProbe
import TestSupport

/// The registers of an architecture that is emulated: what the runner in Tests/MachineCode sets and notes, as words.
protocol MachineRegisters {
  static var architecture: Architecture { get }
  /// How the names of the cross tools begin, what the compiler is to be told besides, and the emulator's command.
  static var tools: String { get }
  static var compilerOptions: String { get }
  static var emulator: String { get }
  /// The assembly in Tests/MachineCode.
  static var assembly: String { get }
  /// Which probe registers have the machine registers of the first arguments.
  static var argumentRegisters: [ProbeRegister] { get }
  /// How many words.
  static var count: Int { get }

  var words: [UInt64] { get set }
  init(words: some Collection<UInt64>)
  /// Random contents, as far as the registers may have any.
  init(_ random: inout Randomness)

  /// What to run a program with.
  mutating func prepareToEnter(stack: Address, returnAddress: Address)
  /// What is to be run before a program, at an address, since the runner cannot set all registers.
  func entry(of program: Address, at address: Address) -> [UInt8]
  /// The call sites of shared stubs, where there are any.
  static var sharedSite: SharedSite? { get }
  /// The registers of the first six arguments.
  static var argumentWords: Range<Int> { get }
  /// The registers in which code that a stub jumps to finds its address, and whether the stub has kept the first of them
  /// before.
  static var jumpRegisters: [Int] { get }
  static func keepsJumpRegister(_ program: ProbeProgram) throws -> Bool
  /// The words of the register file that a stub entered with these writes, as far as they can be foretold: nil stands for
  /// one that cannot.
  var registerFileWords: [UInt64?] { get }
  /// A register's name, for messages.
  static func name(_ index: Int) -> String

  /// These, as the runner entered with them.
  func entered(threadPointer: UInt64) -> Self
  /// The word of the register that calls put the return address in.
  static var link: Int { get }
  /// With these when a function was entered: what its caller finds after it left `result`.
  func returned(_ result: Self) -> Self
}

extension MachineRegisters {
  /// The values of the first six arguments.
  var arguments: InlineArray<6, UInt64> {
    get { InlineArray { words[Self.argumentWords.lowerBound + $0] } }
    set { for index in 0..<6 { words[Self.argumentWords.lowerBound + index] = newValue[index] } }
  }

  /// The first words of a register file: those of general registers.
  var registerFile: [UInt64] { registerFileWords.prefix(15).map { $0 ?? 0 } }

  /// What differs, for a test's message; nil if nothing.
  func difference(from other: Self) -> String? {
    guard let index = words.indices.first(where: { words[$0] != other.words[$0] }) else { return nil }
    let (value, expected) = (String(words[index], radix: 16), String(other.words[index], radix: 16))
    return "\(Self.name(index)): \(value), not \(expected)"
  }
}

/// How a call site enters a shared stub.
struct SharedSite {
  /// From the pointer to the site's ops to the body.
  static let opsDistance = 16
  /// Which register has the body's address when the body runs.
  var register: Int
  /// The site's code, for an address: it calls the stub at another, and goes to the body at a third.
  var code: (_ site: Address, _ stub: Address, _ body: Address) -> [UInt8]
  /// The bytes of the code up to what the stub takes for the body.
  var bodyOffset: Int
}

/// Where things stand in the emulated process. Body, return address and what is jumped to instead of the body: see the assembly in Tests/MachineCode.
enum EmulatedPlaces {
  static let body: Address = 0x100_0000
  static let returnAddress: Address = 0x100_1000
  static let elsewhere: Address = 0x100_3000
  static let code: Address = 0x200_0000
  static let window: Address = 0x2000_0000
  static let stack: Address = 0x2800_0000
  static let stackSize: UInt64 = 1 << 16
  /// The stack pointer that code begins with.
  static let frameAddress: Address = stack + stackSize - 256
  /// Where a stub's register file is.
  static func registerFile(_ architecture: Architecture) -> Address {
    frameAddress - UInt64(RegisterFileLayout(architecture).frameBytes)
  }
}

/// Runs machine code in the user-mode emulator, by the program in Tests/MachineCode.
final class EmulatedMachine<Registers: MachineRegisters> {
  /// A program to be run.
  struct Job {
    var entry: Address
    var registers: Registers
    var result: Registers
    var window: [UInt8]
  }
  /// What it did.
  struct Outcome {
    var entered: BodyEntry
    /// A number made of where the traps were.
    var trapped: UInt64
    var seen: Registers
    var end: Registers
    var window: [UInt8]
    var timestamps: [UInt64]
    var before: UInt64
    var after: UInt64

    var bodyRan: Bool { entered != .none }
  }

  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    let sources = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    try scratch.run(
      "\(Registers.tools)gcc -O1 -Wall -Werror \(Registers.compilerOptions) -static -no-pie"
        + " -Wl,--section-start=.apus=0x1000000 -o runner"
        + " '/\(sources)/MachineCode/runner.c' '/\(sources)/MachineCode/\(Registers.assembly)'")
  }

  /// Runs all jobs in one process; the thread pointer, and what they did.
  func run(
    _ jobs: [Job], code: [UInt8], faults: [(start: Address, recovery: Address)]
  ) throws -> (threadPointer: UInt64, outcomes: [Outcome]) {
    let padded = code + [UInt8](repeating: 0, count: -code.count & 7)
    let words = ProgramWindow.bytes / 8
    let stamps = ProgramWindow.timestampCount
    var input: [UInt64] = [
      EmulatedPlaces.code, UInt64(padded.count), EmulatedPlaces.window, UInt64(words), UInt64(stamps),
      EmulatedPlaces.stack, EmulatedPlaces.stackSize, UInt64(faults.count), UInt64(jobs.count),
    ]
    input += Self.words(padded)
    for fault in faults.sorted(by: { $0.start < $1.start }) { input += [fault.start, fault.recovery] }
    for job in jobs {
      input += job.registers.words
      input.append(job.entry)
      input += job.result.words
      input.append(0)
      input += Self.words(job.window)
    }
    let bytes = unsafe input.withUnsafeBytes { unsafe Array($0) }
    try scratch.write("in", bytes)
    try scratch.run("timeout 120 \(Registers.emulator) ./runner in out")
    let output = Self.words(try scratch.read("out"))
    let state = Registers.count + 1
    let size = 1 + 2 * state + words + stamps + 2
    guard output.count == 1 + size * jobs.count else {
      throw ToolFailure(description: "\(output.count) words of output for \(jobs.count) programs")
    }
    let outcomes = try jobs.indices.map { index in
      let record = output[(1 + size * index)...].prefix(size)
      let seen = record.startIndex + 1
      let end = seen + state
      let window = end + state
      let times = window + words + stamps
      guard let entered = BodyEntry(rawValue: record[record.startIndex]) else {
        throw ToolFailure(description: "the body ran at \(record[record.startIndex])")
      }
      return Outcome(
        entered: entered, trapped: record[window - 1], seen: Registers(words: record[seen..<end - 1]),
        end: Registers(words: record[end..<window - 1]), window: Self.bytes(record[window..<window + words]),
        timestamps: Array(record[window + words..<times]), before: record[times], after: record[times + 1])
    }
    return (output[0], outcomes)
  }

  private static func words(_ bytes: [UInt8]) -> [UInt64] {
    unsafe bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: 8).map {
        unsafe raw.loadUnaligned(fromByteOffset: $0, as: UInt64.self)
      }
    }
  }
  private static func bytes(_ words: ArraySlice<UInt64>) -> [UInt8] {
    unsafe words.withUnsafeBytes { unsafe Array($0) }
  }
}
