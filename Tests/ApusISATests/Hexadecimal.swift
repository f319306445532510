import Glibc
import Testing

/// A small generator of numbers that are the same in every run (SplitMix64).
struct Randomness: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// What went wrong in a test's own machinery.
struct ToolFailure: Error, CustomStringConvertible {
  var description: String
}

/// A directory that lives as long as a test.
final class Scratch {
  let path: String

  init() throws {
    var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
    path = try unsafe template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, let made = unsafe mkdtemp(base) else {
        throw ToolFailure(description: "mkdtemp: errno \(errno)")
      }
      return unsafe String(cString: made)
    }
  }

  deinit { _ = unsafe system("rm -rf \(path)") }

  /// Runs a shell command in the directory.
  func run(_ command: String) throws {
    let status = unsafe system("cd \(path) && \(command)")
    if status != 0 { throw ToolFailure(description: "'\(command)' ended with status \(status)") }
  }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    guard let file = unsafe fopen("\(path)/\(name)", "w") else {
      throw ToolFailure(description: "cannot write \(name): errno \(errno)")
    }
    let count = unsafe fwrite(bytes, 1, bytes.count, file)
    guard unsafe fclose(file) == 0, count == bytes.count else {
      throw ToolFailure(description: "cannot write \(name): errno \(errno)")
    }
  }

  func read(_ name: String) throws -> [UInt8] { try readFile("\(path)/\(name)") }
}

/// A whole file.
func readFile(_ path: String) throws -> [UInt8] {
  guard let file = unsafe fopen(path, "r") else {
    throw ToolFailure(description: "cannot read \(path): errno \(errno)")
  }
  defer { unsafe fclose(file) }
  var result: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe fread(&buffer, 1, buffer.count, file)
    if count == 0 { return result }
    result += buffer[..<count]
  }
}

/// Bytes as the assembler listings show them.
func hex(_ bytes: some Collection<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}
