internal import CApusLinux
internal import Glibc

extension FileDescriptor {
  /// Reads up to `bytes.count` bytes, at `offset` or (nil) at the file's position; fewer only at its end.
  ///
  /// - Returns: the number of bytes that were read.
  package borrowing func read(
    into bytes: UnsafeMutableRawBufferPointer, at offset: Int? = nil
  ) throws(SystemError) -> Int {
    let number = rawValue
    var done = 0
    while done < bytes.count {
      let already = done
      let got = try Kernel.call(offset == nil ? "read" : "pread") {
        let address = Int(bitPattern: bytes.baseAddress) &+ already
        let room = bytes.count &- already
        if let offset {
          return Kernel.raw(APUS_SYS_pread64, Int(number), address, room, offset &+ already)
        }
        return Kernel.raw(APUS_SYS_read, Int(number), address, room)
      }
      if got == 0 { break }
      done += got
    }
    return done
  }

  /// Up to `count` bytes from `offset` or from the file's position; fewer only at its end.
  package borrowing func read(count: Int, at offset: Int? = nil) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var failure: SystemError?
    var got = 0
    unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(SystemError) { got = try unsafe read(into: buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
    bytes.removeLast(count - got)
    return bytes
  }

  /// All bytes from the file's position to its end; for files of /proc, whose size is not known beforehand.
  package borrowing func readToEnd() throws(SystemError) -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let part = try read(count: 16384)
      all += part
      if part.count < 16384 { return all }
    }
  }

  /// Writes all bytes, at `offset` or at the file's position; a partial write is continued.
  ///
  /// A full disk (ENOSPC) and every other failure is thrown; how much was written by then is not known.
  package borrowing func writeFully(
    _ bytes: UnsafeRawBufferPointer, at offset: Int? = nil
  ) throws(SystemError) {
    let number = rawValue
    var done = 0
    while done < bytes.count {
      let already = done
      let put = try Kernel.call(offset == nil ? "write" : "pwrite", "descriptor \(number)") {
        let address = Int(bitPattern: bytes.baseAddress) &+ already
        let rest = bytes.count &- already
        if let offset {
          return Kernel.raw(APUS_SYS_pwrite64, Int(number), address, rest, offset &+ already)
        }
        return Kernel.raw(APUS_SYS_write, Int(number), address, rest)
      }
      if put == 0 { throw SystemError(call: "write", errno: .inputOutput, context: "nothing was taken") }
      done += put
    }
  }

  /// Writes all bytes; see `writeFully(_:at:)` for pointers.
  package borrowing func writeFully(_ bytes: [UInt8], at offset: Int? = nil) throws(SystemError) {
    var failure: SystemError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(SystemError) { try unsafe writeFully(buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Writes all pieces, one after the other, at the file's position, with as few calls as can be (writev).
  package borrowing func writeFully(vectors: [UnsafeRawBufferPointer]) throws(SystemError) {
    let number = rawValue
    var pieces = unsafe vectors.filter { unsafe !$0.isEmpty }.map {
      unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
    }
    var first = 0
    while unsafe first < pieces.count {
      let from = first
      let count = unsafe min(pieces.count - from, 1024)  // IOV_MAX
      var put = try Kernel.call("writev", "descriptor \(number)") {
        unsafe pieces.withUnsafeBytes {
          unsafe Kernel.raw(
            APUS_SYS_writev, Int(number),
            Int(bitPattern: $0.baseAddress) &+ from &* MemoryLayout<iovec>.stride, count)
        }
      }
      if put == 0 { throw SystemError(call: "writev", errno: .inputOutput, context: "nothing was taken") }
      while unsafe first < pieces.count, unsafe put >= pieces[first].iov_len {
        unsafe put -= pieces[first].iov_len
        first += 1
      }
      if put > 0, unsafe first < pieces.count {
        unsafe pieces[first].iov_base = pieces[first].iov_base?.advanced(by: put)
        unsafe pieces[first].iov_len -= put
      }
    }
  }
}

/// Whole files by path.
package enum WholeFile {
  /// The file's bytes.
  package static func bytes(_ path: String) throws(SystemError) -> [UInt8] {
    do throws(SystemError) {
      return try FileDescriptor.open(path).readToEnd()
    } catch {
      throw SystemError(call: error.call, errno: error.errno, context: path)
    }
  }

  /// The file's text; bytes that are not UTF-8 are replaced.
  package static func text(_ path: String) throws(SystemError) -> String {
    String(decoding: try bytes(path), as: UTF8.self)
  }
}
