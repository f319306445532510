internal import ApusCore
internal import ApusProcess

/// Whatever a server sends: packets with what is in them, or an error. The first byte chooses how the stream is cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRemote(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
  guard let choice = bytes.first else { return 0 }
  let stream = Array(bytes.dropFirst())
  let whole = elements(of: stream, cut: max(1, stream.count))
  precondition(
    whole == elements(of: stream, cut: Int(choice & 63) + 1), "the cut of the stream changes its meaning")
  for element in whole {
    switch element {
    case .packet(let data), .notification(let data): read(data)
    default: break
    }
  }
  read(stream)
  let escaped = RemotePacket.escaped(stream)
  precondition((try? RemotePacket.unescaped(escaped)) == stream)
  return 0
}

private func elements(of stream: [UInt8], cut: Int) -> [PacketDecoder.Element] {
  var decoder = PacketDecoder(limit: 1 << 17)
  var result: [PacketDecoder.Element] = []
  var start = 0
  while start < stream.count {
    let end = min(start + cut, stream.count)
    decoder.feed(Array(stream[start..<end]))
    start = end
    do throws(RemoteError) {
      while let element = try decoder.next() { result.append(element) }
    } catch {
      _ = error.description
      return result
    }
  }
  return result
}

private func read(_ data: [UInt8]) {
  ignoring { () throws(RemoteError) in _ = try StopReply(data) }
  ignoring { () throws(RemoteError) in _ = try RemotePacket.unescaped(data) }
  _ = ServerFeatures(data).packetSize
  _ = HexText.decodeRegisters(data)
  _ = RemoteThreadID(data)?.text
  // Two documents of one stream: the first may include the second, and the second itself.
  let parts = data.split(separator: 0, maxSplits: 1)
  ignoring { () throws(RemoteError) in
    let target = try TargetDescription { (name: String) throws(RemoteError) -> [UInt8] in
      Array((name == "target.xml" ? parts.first : parts.last) ?? [])
    }
    for register in target.registers { _ = target.register(register.name) }
    _ = target.architecture
  }
}

private func ignoring(_ body: () throws(RemoteError) -> Void) {
  do throws(RemoteError) { try body() } catch { _ = error.description }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
  _ test: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// The package manager gives an executable's main function this name.
@_cdecl("FuzzRemote_main")
public func main(_ count: CInt, _ arguments: UnsafeMutableRawPointer?) -> CInt {
  var count = count
  var arguments = arguments
  return runDriver(&count, &arguments, fuzzRemote)
}
