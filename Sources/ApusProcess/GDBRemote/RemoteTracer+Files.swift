internal import ApusCore
internal import ApusSystem

extension RemoteTracer {
  /// All of a file of the process's system (GDB's manual, E.8), as maps and exe in /proc.
  ///
  /// - Throws: `remote` where the server does not read files; see `TracerCapabilities.readsFiles`.
  package func readFile(_ path: String, limit: Int = 64 << 20) throws(TraceError) -> [UInt8] {
    do throws(RemoteError) {
      guard capabilities.readsFiles else {
        throw .unsupported(request: "vFile", need: "files of the target's system cannot be read through it")
      }
      let name = String(decoding: HexText.encode(Array(path.utf8)), as: UTF8.self)
      let file = try fileResult("vFile:open:\(name),0,0", path).value  // O_RDONLY
      var all: [UInt8] = []
      let count = min(server.features.packetSize - 32, 16384)
      while all.count < limit {
        let place = String(count, radix: 16) + "," + String(all.count, radix: 16)
        let part = try fileResult("vFile:pread:" + String(file, radix: 16) + "," + place, path).data
        if part.isEmpty { break }
        all += part
      }
      _ = try fileResult("vFile:close:" + String(file, radix: 16), path)
      return all
    } catch { throw .remote(error) }
  }

  /// `F result [, errno] [; data]`
  private func fileResult(
    _ request: String, _ path: String
  ) throws(RemoteError) -> (value: UInt64, data: [UInt8]) {
    let answer = try server.ask(request)
    guard answer.first == UInt8(ascii: "F") else { throw RemoteServer.refusal(request, answer) }
    let head = answer.dropFirst().prefix { $0 != UInt8(ascii: ";") }
    guard let value = HexText.number(head) else {
      let code = head.split(separator: UInt8(ascii: ",")).last.flatMap { HexText.number($0) } ?? 0
      throw .failed(request: "reading \(path)", answer: Errno(rawValue: Int32(clamping: code)).description)
    }
    return (value, try RemotePacket.unescaped(answer.dropFirst(head.count + 2)))
  }
}
