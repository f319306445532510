internal import Glibc

/// What is done with files as wholes.
package enum Files {
  /// Makes a directory of its own below `parent`.
  package static func makeTemporaryDirectory(in parent: String, prefix: String) throws(SystemError) -> String
  {
    var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw last("mkdtemp") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Makes a directory; it is no error if it is there.
  package static func makeDirectory(_ path: String) throws(SystemError) {
    guard unsafe mkdir(path, 0o777) == 0 || errno == EEXIST else { throw last("mkdir") }
  }

  /// Makes a symbolic link.
  package static func link(symbolic path: String, to target: String) throws(SystemError) {
    guard unsafe symlink(target, path) == 0 else { throw last("symlink") }
  }

  /// Gives a file a second name.
  package static func link(_ path: String, to file: String) throws(SystemError) {
    guard unsafe Glibc.link(file, path) == 0 else { throw last("link") }
  }

  /// Whether there is something that this process may execute.
  package static func isExecutable(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
  }

  /// Whether there is a file or directory of that name.
  package static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  /// Whether it is a directory.
  package static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a directory, without `.` and `..`, sorted; none if it cannot be read.
  package static func names(in directory: String) -> [String] {
    guard let stream = unsafe opendir(directory) else { return [] }
    defer { unsafe closedir(stream) }
    var result: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { result.append(name) }
    }
    return result.sorted()
  }

  /// The directory that relative paths start from.
  package static func workingDirectory() throws(SystemError) -> String {
    guard let path = unsafe getcwd(nil, 0) else { throw last("getcwd") }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  /// A path without symbolic links, `.` and `..`; nil if there is no such file.
  package static func canonical(_ path: String) -> String? {
    guard let real = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }

  /// Writes a file anew.
  package static func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
    let descriptor = try FileDescriptor.open(
      path, flags: O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode: 0o666)
    try descriptor.writeFully(bytes)
  }

  /// Puts a file in the place of what is there, whole: if it cannot be written, what was there stays.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(SystemError) {
    let draft = "\(path).\(ProcessEnvironment.processID).new"
    do throws(SystemError) {
      try write(bytes, to: draft)
      try FileDescriptor.rename(draft, to: path)
    } catch {
      if exists(draft) { try FileDescriptor.unlink(draft) }
      throw error
    }
  }

  /// Appends to a file by one write.
  package static func append(_ bytes: [UInt8], to path: String) throws(SystemError) {
    let descriptor = try FileDescriptor.open(
      path, flags: O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode: 0o666)
    try descriptor.writeFully(bytes)
  }

  private static func last(_ call: String) -> SystemError {
    SystemError(call: call, errno: Errno(rawValue: errno))
  }
}
