import ApusCore
import ApusISA
import Glibc

/// What went wrong in a test's own machinery.
struct MachineFailure: Error, CustomStringConvertible {
  var description: String
}

/// The registers of an arm64 program: x0 to x30, sp, and 64 words of vector registers.
struct ARM64RegisterValues {
  static let count = 96
  var words: [UInt64]

  init(_ words: some Collection<UInt64>) { self.words = Array(words) }
  init(_ random: inout Randomness) { words = (0..<Self.count).map { _ in random.next() } }

  subscript(register: ARM64.Register) -> UInt64 {
    get { words[Int(register.rawValue)] }
    set { words[Int(register.rawValue)] = newValue }
  }

  /// What differs, for a test's message; nil if nothing.
  func difference(from other: ARM64RegisterValues) -> String? {
    guard let index = words.indices.first(where: { words[$0] != other.words[$0] }) else { return nil }
    let name = index < 31 ? "x\(index)" : index == 31 ? "sp" : "q\((index - 32) / 2)"
    return "\(name): \(String(words[index], radix: 16)), not \(String(other.words[index], radix: 16))"
  }
}

/// Runs machine code in the user-mode emulator, by the program in Tests/MachineCode.
final class ARM64Machine {
  /// Where things stand in the emulated process. Body and return address: see arm64.S.
  static let body: Address = 0x100_0000
  static let returnAddress: Address = 0x100_0400
  static let code: Address = 0x200_0000
  static let window: Address = 0x2000_0000
  static let stack: Address = 0x2800_0000
  static let stackSize: UInt64 = 1 << 16
  /// The stack pointer that code begins with.
  static let frameAddress: Address = stack + stackSize - 256

  /// A program to be run.
  struct Job {
    var entry: Address
    var registers: ARM64RegisterValues
    var result: ARM64RegisterValues
    var window: [UInt8]
  }
  /// What it did.
  struct Outcome {
    var bodyRan: Bool
    var seen: ARM64RegisterValues
    var end: ARM64RegisterValues
    var window: [UInt8]
    var timestamps: [UInt64]
    var before: UInt64
    var after: UInt64
  }

  private let directory: String

  init() throws {
    directory = try Self.makeDirectory()
    let sources = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    try Self.run(
      "aarch64-linux-gnu-gcc -O1 -static -no-pie -Wl,--section-start=.apus=0x1000000 -o '\(directory)/runner' "
        + "'/\(sources)/MachineCode/runner.c' '/\(sources)/MachineCode/arm64.S'")
  }

  private static func makeDirectory() throws -> String {
    var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
    return try unsafe template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, let made = unsafe mkdtemp(base) else {
        throw MachineFailure(description: "mkdtemp: errno \(errno)")
      }
      return unsafe String(cString: made)
    }
  }

  /// What the assembler makes of several pieces of text.
  static func assemble(_ pieces: [String]) throws -> [[UInt8]] {
    let directory = try makeDirectory()
    defer { _ = unsafe system("rm -rf '\(directory)'") }
    // A word that no piece has in it ends each.
    let mark: [UInt8] = [0xde, 0xc0, 0xad, 0x0b]
    let text = ".text\n" + pieces.map { $0 + "\n.inst 0x0badc0de\n" }.joined()
    try write(Array(text.utf8), "\(directory)/t.s")
    try run(
      "cd '\(directory)' && aarch64-linux-gnu-as t.s -o t.o && aarch64-linux-gnu-objcopy -O binary -j .text t.o t.bin"
    )
    var result: [[UInt8]] = [[]]
    let bytes = try read("\(directory)/t.bin")
    for place in stride(from: 0, to: bytes.count, by: 4) {
      let word = Array(bytes[place..<place + 4])
      if word == mark { result.append([]) } else { result[result.count - 1] += word }
    }
    return Array(result.dropLast())
  }

  deinit { _ = unsafe system("rm -rf '\(directory)'") }

  private static func run(_ command: String) throws {
    let status = unsafe system(command)
    if status != 0 { throw MachineFailure(description: "'\(command)' ended with status \(status)") }
  }

  /// Runs all jobs in one process; the thread pointer, and what they did.
  func run(
    _ jobs: [Job], code: [UInt8], faults: [(start: Address, recovery: Address)]
  ) throws -> (threadPointer: UInt64, outcomes: [Outcome]) {
    let padded = code + [UInt8](repeating: 0, count: -code.count & 7)
    let words = ProgramWindow.bytes / 8
    let stamps = ProgramWindow.timestampCount
    var input: [UInt64] = [
      Self.code, UInt64(padded.count), Self.window, UInt64(words), UInt64(stamps), Self.stack, Self.stackSize,
      UInt64(faults.count), UInt64(jobs.count),
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
    try Self.write(bytes, "\(directory)/in")
    try Self.run("timeout 120 qemu-aarch64 '\(directory)/runner' '\(directory)/in' '\(directory)/out'")
    let output = Self.words(try Self.read("\(directory)/out"))
    let state = ARM64RegisterValues.count + 1
    let size = 1 + 2 * state + words + stamps + 2
    guard output.count == 1 + size * jobs.count else {
      throw MachineFailure(description: "\(output.count) words of output for \(jobs.count) programs")
    }
    let outcomes = jobs.indices.map { index in
      let record = output[(1 + size * index)...].prefix(size)
      let seen = record.startIndex + 1
      let end = seen + state
      let window = end + state
      let times = window + words + stamps
      return Outcome(
        bodyRan: record[record.startIndex] != 0, seen: .init(record[seen..<end - 1]),
        end: .init(record[end..<window - 1]), window: Self.bytes(record[window..<window + words]),
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

  private static func write(_ bytes: [UInt8], _ path: String) throws {
    guard let file = unsafe fopen(path, "w") else {
      throw MachineFailure(description: "cannot write \(path): errno \(errno)")
    }
    let written = unsafe fwrite(bytes, 1, bytes.count, file)
    guard unsafe fclose(file) == 0, written == bytes.count else {
      throw MachineFailure(description: "cannot write \(path): errno \(errno)")
    }
  }

  private static func read(_ path: String) throws -> [UInt8] {
    guard let file = unsafe fopen(path, "r") else {
      throw MachineFailure(description: "cannot read \(path): errno \(errno)")
    }
    defer { unsafe fclose(file) }
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 19)
    while true {
      let count = unsafe fread(&buffer, 1, buffer.count, file)
      if count == 0 { return result }
      result += buffer[..<count]
    }
  }
}
