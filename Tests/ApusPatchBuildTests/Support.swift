import Glibc

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

  /// Writes a file there.
  func write(_ name: String, _ text: String) throws {
    guard let file = unsafe fopen("\(path)/\(name)", "w") else {
      throw ToolFailure(description: "cannot write \(name): errno \(errno)")
    }
    let bytes = Array(text.utf8)
    let count = unsafe fwrite(bytes, 1, bytes.count, file)
    guard unsafe fclose(file) == 0, count == bytes.count else {
      throw ToolFailure(description: "cannot write \(name): errno \(errno)")
    }
  }

  /// The whole of a file there.
  func read(_ name: String) throws -> [UInt8] {
    guard let file = unsafe fopen("\(path)/\(name)", "r") else {
      throw ToolFailure(description: "cannot read \(name): errno \(errno)")
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
}
