import Glibc

/// What went wrong in a test's own machinery.
struct MachineFailure: Error, CustomStringConvertible {
  var description: String
}

/// A directory that lives as long as a test, and commands that run in it.
final class CrossScratch {
  private let path: String

  init() throws {
    var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
    path = try unsafe template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, let made = unsafe mkdtemp(base) else {
        throw MachineFailure(description: "mkdtemp: errno \(errno)")
      }
      return unsafe String(cString: made)
    }
  }

  deinit { _ = unsafe system("rm -rf '\(path)'") }

  /// Runs a shell command in the directory.
  func run(_ command: String) throws {
    let status = unsafe system("cd '\(path)' && \(command)")
    if status != 0 { throw MachineFailure(description: "'\(command)' ended with status \(status)") }
  }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    guard let file = unsafe fopen("\(path)/\(name)", "w") else {
      throw MachineFailure(description: "cannot write \(name): errno \(errno)")
    }
    let written = unsafe fwrite(bytes, 1, bytes.count, file)
    guard unsafe fclose(file) == 0, written == bytes.count else {
      throw MachineFailure(description: "cannot write \(name): errno \(errno)")
    }
  }

  func read(_ name: String) throws -> [UInt8] {
    guard let file = unsafe fopen("\(path)/\(name)", "r") else {
      throw MachineFailure(description: "cannot read \(name): errno \(errno)")
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

  /// What a cross assembler makes of several pieces of text.
  ///
  /// - Parameter tools: how the names of its tools begin, and options for it.
  static func assemble(_ pieces: [String], _ tools: (prefix: String, options: String)) throws -> [[UInt8]] {
    let scratch = try CrossScratch()
    // A word that no piece has in it ends each.
    let mark: [UInt8] = [0xde, 0xc0, 0xad, 0x0b]
    let text = ".text\n" + pieces.map { $0 + "\n.4byte 0x0badc0de\n" }.joined()
    try scratch.write("t.s", Array(text.utf8))
    try scratch.run(
      "\(tools.prefix)as \(tools.options) t.s -o t.o && \(tools.prefix)objcopy -O binary -j .text t.o t.bin")
    var result: [[UInt8]] = [[]]
    let bytes = try scratch.read("t.bin")
    for place in stride(from: 0, to: bytes.count, by: 4) {
      let word = Array(bytes[place..<place + 4])
      if word == mark { result.append([]) } else { result[result.count - 1] += word }
    }
    return Array(result.dropLast())
  }
}
