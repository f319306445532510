internal import CApusLinux
internal import Glibc

extension FileDescriptor {
  /// Opens a path; O_CLOEXEC is always added.
  ///
  /// - Parameters:
  ///   - flags: O_RDONLY, O_RDWR | O_CREAT …
  ///   - mode: permissions of a file that is made.
  package static func open(
    _ path: String, flags: Int32 = O_RDONLY, mode: UInt32 = 0o644
  ) throws(SystemError) -> FileDescriptor {
    let number = try Kernel.call("open", path) {
      unsafe path.withCString { name in
        Kernel.raw(
          APUS_SYS_openat, Int(AT_FDCWD), Int(bitPattern: name), Int(flags | O_CLOEXEC), Int(mode))
      }
    }
    return FileDescriptor(owning: Int32(number))
  }

  /// Flags to write a file from its beginning, which is made if it is not there.
  package static let writeAnew = O_WRONLY | O_CREAT | O_TRUNC

  /// A descriptor that only stands for a file of whatever kind, and opens nothing (O_PATH).
  ///
  /// - Parameter following: whether a link stands for what it leads to.
  package static func reference(
    to path: String, following: Bool = false
  ) throws(SystemError) -> FileDescriptor {
    let pathOnly: Int32 = 0o10000000
    return try open(path, flags: following ? pathOnly : pathOnly | O_NOFOLLOW)
  }

  /// Where the file stands, with all links followed.
  package borrowing func path() throws(SystemError) -> String {
    let link = "/proc/self/fd/\(rawValue)"
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try Kernel.call("readlink", link) {
      unsafe bytes.withUnsafeMutableBytes { bytes in
        unsafe link.withCString {
          Kernel.raw(
            APUS_SYS_readlinkat, Int(AT_FDCWD), Int(bitPattern: $0), Int(bitPattern: bytes.baseAddress),
            bytes.count)
        }
      }
    }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  /// Whether two descriptors are of one file.
  package borrowing func isSameFile(as other: borrowing FileDescriptor) throws(SystemError) -> Bool {
    let (own, others) = (try status(), try other.status())
    return own.st_dev == others.st_dev && own.st_ino == others.st_ino
  }

  /// Takes the file for this opening of it alone, until the last copy of the descriptor is closed; false if somebody else has
  /// it. Of what is no regular file, and where there are no locks (the file system has none, or we may not), everybody may have it.
  ///
  /// It is flock(2)'s lock: of the others, those by fcntl(2), some file systems in user space never hear the end.
  package borrowing func lock() throws(SystemError) -> Bool {
    guard try status().st_mode & S_IFMT == S_IFREG else { return true }
    let number = rawValue
    do throws(SystemError) {
      try Kernel.call("flock") { Kernel.raw(APUS_SYS_flock, Int(number), Int(LOCK_EX | LOCK_NB)) }
      return true
    } catch { return error.errno != .wouldBlock }
  }

  /// Removes a file's name.
  package static func unlink(_ path: String) throws(SystemError) {
    try Kernel.call("unlink", path) {
      unsafe path.withCString { Kernel.raw(APUS_SYS_unlinkat, Int(AT_FDCWD), Int(bitPattern: $0), 0) }
    }
  }

  /// Gives a file another name; one that had it is gone then.
  package static func rename(_ path: String, to newPath: String) throws(SystemError) {
    try Kernel.call("rename", path) {
      unsafe path.withCString { old in
        unsafe newPath.withCString { new in
          Kernel.raw(
            APUS_SYS_renameat2, Int(AT_FDCWD), Int(bitPattern: old), Int(AT_FDCWD), Int(bitPattern: new), 0)
        }
      }
    }
  }

  /// An anonymous file in memory (memfd_create).
  ///
  /// - Parameter executable: asks for MFD_EXEC, otherwise MFD_NOEXEC_SEAL; kernels before 6.3 know neither and
  ///   are asked again without.
  package static func memory(
    named name: String, bytes: Int, executable: Bool = false
  ) throws(SystemError) -> FileDescriptor {
    let closeOnExec = 1
    let executability = executable ? 0x10 : 0x8
    func create(_ flags: Int) -> Int {
      unsafe name.withCString { Kernel.raw(APUS_SYS_memfd_create, Int(bitPattern: $0), flags) }
    }
    var number = create(closeOnExec | executability)
    if number == -Int(EINVAL) { number = create(closeOnExec) }
    let result = number
    try Kernel.call("memfd_create", name, retrying: false) { result }
    let file = FileDescriptor(owning: Int32(result))
    try file.truncate(to: bytes)
    return file
  }

  /// Sets the file's size, in bytes.
  package borrowing func truncate(to bytes: Int) throws(SystemError) {
    let number = rawValue
    try Kernel.call("ftruncate", "to \(bytes) bytes") { Kernel.raw(APUS_SYS_ftruncate, Int(number), bytes) }
  }

  /// The file's size, in bytes.
  package borrowing func size() throws(SystemError) -> Int { Int(try status().st_size) }

  private borrowing func status() throws(SystemError) -> stat {
    let number = rawValue
    var status = stat()
    try Kernel.call("fstat") {
      unsafe withUnsafeMutablePointer(to: &status) {
        Kernel.raw(APUS_SYS_fstat, Int(number), Int(bitPattern: $0))
      }
    }
    return status
  }

  /// A descriptor of a process (pidfd_open): its death can be polled for.
  package static func process(_ id: Int32) throws(SystemError) -> FileDescriptor {
    let number = try Kernel.call("pidfd_open", "process \(id)") {
      Kernel.raw(APUS_SYS_pidfd_open, Int(id), 0)
    }
    return FileDescriptor(owning: Int32(number))
  }

  /// A copy of descriptor `number` of the process that this pidfd stands for (pidfd_getfd).
  package borrowing func descriptor(_ number: Int32) throws(SystemError) -> FileDescriptor {
    let own = rawValue
    let copy = try Kernel.call("pidfd_getfd", "descriptor \(number)") {
      Kernel.raw(APUS_SYS_pidfd_getfd, Int(own), Int(number), 0)
    }
    return FileDescriptor(owning: Int32(copy))
  }

  /// The two ends of a pipe, close-on-exec.
  package struct Pipe: ~Copyable {
    /// Where to read.
    package var reading: FileDescriptor
    /// Where to write.
    package var writing: FileDescriptor

    /// Closes the end for writing; a reader sees the end of the file when no copy of it is open any more.
    package consuming func closeWriting() throws(SystemError) -> FileDescriptor {
      let reading = reading
      try writing.close()
      return reading
    }

    /// Closes the end for reading.
    package consuming func closeReading() throws(SystemError) -> FileDescriptor {
      let writing = writing
      try reading.close()
      return writing
    }
  }

  /// Makes a pipe.
  package static func pipe() throws(SystemError) -> Pipe {
    var ends: [Int32] = [-1, -1]
    try Kernel.call("pipe2") {
      unsafe ends.withUnsafeMutableBytes {
        Kernel.raw(APUS_SYS_pipe2, Int(bitPattern: $0.baseAddress), Int(O_CLOEXEC))
      }
    }
    return Pipe(reading: FileDescriptor(owning: ends[0]), writing: FileDescriptor(owning: ends[1]))
  }
}
