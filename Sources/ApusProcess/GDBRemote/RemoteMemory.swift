internal import ApusCore

/// The memory of a process behind a connection, in pieces that fit into packets (`m`, `X`, `M`).
final class RemoteMemory: MemoryAccess {
  private let server: RemoteServer
  private let process: ProcessID
  /// A thread of the process, of which the server knows.
  private let thread: () throws(RemoteError) -> RemoteThreadID

  init(
    of process: ProcessID, at server: RemoteServer,
    thread: @escaping () throws(RemoteError) -> RemoteThreadID
  ) {
    self.process = process
    self.server = server
    self.thread = thread
  }

  func read(_ address: Address, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    // `$`, checksum and a letter, and two digits a byte.
    let room = min((server.features.packetSize - 8) / 2, 16384)
    var done = 0
    do throws(RemoteError) {
      try server.select(try thread())
      while done < buffer.count {
        let at = address &+ UInt64(done)
        var bytes = try piece(at, count: min(room, buffer.count - done))
        if bytes.isEmpty {
          // A server refuses all of a piece of which the end cannot be read: as far as the page goes, then.
          bytes = try piece(at, count: min(room, buffer.count - done, 4096 - Int(at & 4095)))
        }
        if bytes.isEmpty { throw RemoteError.failed(request: "m", answer: "E") }
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...]).copyBytes(from: bytes)
        done += bytes.count
      }
    } catch { throw failure(address, buffer.count, done, error, isWrite: false) }
  }

  /// Bytes from `address`, up to `count` of them; none when the server refuses.
  private func piece(_ address: Address, count: Int) throws(RemoteError) -> [UInt8] {
    let answer = try server.ask("m" + String(address, radix: 16) + "," + String(count, radix: 16))
    // An error is `E` and two digits, or `E.` and a text: no even number of digits.
    if answer.first == UInt8(ascii: "E"), answer.count == 3 || answer.dropFirst().first == UInt8(ascii: ".") {
      return []
    }
    guard let bytes = HexText.decode(answer), bytes.count <= count else {
      throw .malformed(what: "piece of memory", why: String(decoding: answer.prefix(40), as: UTF8.self))
    }
    return bytes
  }

  func write(_ bytes: [UInt8], at address: Address) throws(MemoryError) {
    // The address and the length take up to 27 characters; each byte up to two.
    let room = (server.features.packetSize - 32) / 2
    var done = 0
    do throws(RemoteError) {
      try server.select(try thread())
      while done < bytes.count {
        let piece = bytes[done..<min(done + room, bytes.count)]
        let letter = server.writesBinary ? "X" : "M"
        let place = String(address &+ UInt64(done), radix: 16) + "," + String(piece.count, radix: 16)
        let data = server.writesBinary ? RemotePacket.escaped(Array(piece)) : HexText.encode(piece)
        let answer = try server.ask(Array("\(letter)\(place):".utf8) + data)
        guard answer == RemoteServer.ok else { throw RemoteServer.refusal("\(letter)\(place)", answer) }
        done += piece.count
      }
    } catch { throw failure(address, bytes.count, done, error, isWrite: true) }
  }

  private func failure(
    _ address: Address, _ count: Int, _ done: Int, _ error: RemoteError, isWrite: Bool
  ) -> MemoryError {
    let reason: MemoryError.Reason =
      switch error {
      case .failed: .unmapped
      default: .remote(error)
      }
    return MemoryError(
      process: process, address: address, count: count, done: done, isWrite: isWrite, reason: reason)
  }
}
