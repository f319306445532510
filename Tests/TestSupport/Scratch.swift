import Glibc

/// What went wrong in a test's own machinery.
package struct ToolFailure: Error, CustomStringConvertible {
  package var description: String
  package init(description: String) { self.description = description }
}

/// A directory that lives as long as a test.
package final class Scratch {
  package let path: String

  package init() throws {
    var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
    path = try unsafe template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, let made = unsafe mkdtemp(base) else {
        throw ToolFailure(description: "mkdtemp: errno \(errno)")
      }
      return unsafe String(cString: made)
    }
  }

  deinit { _ = unsafe system("rm -rf '\(path)'") }

  /// Runs a shell command in the directory.
  package func run(_ command: String) throws {
    let status = unsafe system("cd '\(path)' && \(command)")
    if status != 0 { throw ToolFailure(description: "'\(command)' ended with status \(status)") }
  }

  package func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  package func write(_ name: String, _ bytes: [UInt8]) throws {
    guard let file = unsafe fopen("\(path)/\(name)", "w") else {
      throw ToolFailure(description: "cannot write \(name): errno \(errno)")
    }
    let count = unsafe fwrite(bytes, 1, bytes.count, file)
    guard unsafe fclose(file) == 0, count == bytes.count else {
      throw ToolFailure(description: "cannot write \(name): errno \(errno)")
    }
  }

  /// The whole of a file there.
  package func read(_ name: String) throws -> [UInt8] { try readFile("\(path)/\(name)") }
}

/// A whole file.
package func readFile(_ path: String) throws -> [UInt8] {
  guard let file = unsafe fopen(path, "r") else {
    throw ToolFailure(description: "cannot read \(path): errno \(errno)")
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
