import Glibc

/// What a command printed, and how it ended.
struct ShellResult {
  var output: String
  var status: Int32
}

/// A command that failed where it must not.
struct ShellError: Error, CustomStringConvertible {
  var description: String
}

/// Runs `command` in a shell; its output and errors together.
func shell(_ command: String) throws -> ShellResult {
  guard let stream = unsafe popen("LC_ALL=C; export LC_ALL; { \(command) ; } 2>&1", "r") else {
    throw ShellError(description: "popen: errno \(errno)")
  }
  var output: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = unsafe fread(&buffer, 1, buffer.count, stream)
    if count == 0 { break }
    output += buffer[..<count]
  }
  let status = unsafe pclose(stream)
  return ShellResult(output: String(decoding: output, as: UTF8.self), status: status)
}

/// Runs `command`, which must succeed, and returns what it printed.
@discardableResult
func run(_ command: String) throws -> String {
  let result = try shell(command)
  guard result.status == 0 else {
    throw ShellError(description: "\(command): status \(result.status)\n\(result.output)")
  }
  return result.output
}

/// The whole of a file.
func contents(of path: String) throws -> [UInt8] {
  guard let file = unsafe fopen(path, "rb") else { throw ShellError(description: "\(path): errno \(errno)") }
  defer { unsafe fclose(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 20)
  while true {
    let count = unsafe fread(&buffer, 1, buffer.count, file)
    if count == 0 { return bytes }
    bytes += buffer[..<count]
  }
}

/// A directory of its own that goes away with the last reference.
final class Scratch: Sendable {
  let path: String

  init() throws {
    path = try run("mktemp -d").split(separator: "\n").joined()
  }

  deinit { _ = try? run("rm -r '\(path)'") }

  /// Writes a file into the directory, and returns its path.
  func write(_ name: String, _ text: String) throws -> String {
    let file = "\(path)/\(name)"
    guard let stream = unsafe fopen(file, "wb") else {
      throw ShellError(description: "\(file): errno \(errno)")
    }
    defer { unsafe fclose(stream) }
    let bytes = Array(text.utf8)
    guard unsafe fwrite(bytes, 1, bytes.count, stream) == bytes.count else {
      throw ShellError(description: "\(file): errno \(errno)")
    }
    return file
  }

  /// Builds `source` (the name's ending says the language) and returns the path of the result.
  func build(
    _ source: String, named name: String = "program.c", _ compiler: String = "gcc", _ flags: String
  ) throws -> String {
    let input = try write(name, source)
    let output = "\(path)/out"
    try run("\(compiler) \(flags) -o '\(output)' '\(input)'")
    return output
  }
}
