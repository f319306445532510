internal import ApusCore
internal import ApusSystem

/// A server of GDB's remote protocol with its target: requests that have an answer, and what it turned out to be able to.
final class RemoteServer {
  let connection: RemoteConnection
  /// What it said of itself.
  let features: ServerFeatures
  /// Whether threads are stopped and resumed one by one.
  let isNonStop: Bool
  /// The actions of `vCont` that it knows.
  let actions: Set<String>
  /// Whether it takes binary data to write (`X`).
  private(set) var writesBinary = false
  /// Whether no request can be made now: in all-stop mode, between a resumption and the next stop.
  var isRunning = false
  /// The thread that `g`, `G`, `p`, `m`, `M` and `X` are about.
  private var selected: RemoteThreadID?

  /// Connects and finds out.
  ///
  /// - Parameter nonStop: whether non-stop mode is wanted; an error if the server has it not, unless that is a preference.
  init(
    to address: SocketAddress, nonStop: Bool, isPreference: Bool = false, timeoutMilliseconds: Int,
    patienceMilliseconds: Int
  ) throws(RemoteError) {
    connection = try RemoteConnection(
      to: address, timeoutMilliseconds: timeoutMilliseconds, patienceMilliseconds: patienceMilliseconds)
    features = ServerFeatures(
      try connection.exchange(
        "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;QThreadEvents+;fork-events+;vfork-events+;"
          + "exec-events+;no-resumed+;xmlRegisters=i386"))
    if features.has("QStartNoAckMode") {
      try connection.stopAcknowledging()
    } else if features.values["PacketSize"] != nil {
      try connection.stopAcknowledging()  // qemu knows it and does not say so
    }
    let nonStop = nonStop && (!isPreference || features.has("QNonStop"))
    if nonStop {
      guard features.has("QNonStop"), try connection.exchange("QNonStop:1") == Self.ok else {
        throw .unsupported(request: "QNonStop", need: "non-stop mode is gdbserver's; use all-stop mode here")
      }
    }
    isNonStop = nonStop
    let answer = String(decoding: try connection.exchange("vCont?"), as: UTF8.self)
    actions = Set(answer.split(separator: ";").dropFirst().map(String.init))
    guard actions.isSuperset(of: ["c", "s"]) else {
      throw .unsupported(request: "vCont", need: "Apus resumes threads one by one; a newer server is needed")
    }
  }

  static let ok = Array("OK".utf8)

  /// Makes a request that needs a stopped target in all-stop mode.
  func ask(_ request: [UInt8]) throws(RemoteError) -> [UInt8] {
    if isRunning {
      let words = request.prefix(20).prefix { (32...126).contains($0) }
      throw .running(request: String(decoding: words, as: UTF8.self))
    }
    return try connection.exchange(request)
  }

  /// Makes a request that needs a stopped target in all-stop mode.
  func ask(_ request: String) throws(RemoteError) -> [UInt8] { try ask(Array(request.utf8)) }

  /// Makes a request whose answer is `OK`.
  func command(_ request: String) throws(RemoteError) {
    let answer = try ask(request)
    guard answer == Self.ok else { throw Self.refusal(request, answer) }
  }

  static func refusal(_ request: String, _ answer: [UInt8]) -> RemoteError {
    answer.isEmpty
      ? .unsupported(request: request, need: "use another server")
      : .failed(request: request, answer: String(decoding: answer.prefix(80), as: UTF8.self))
  }

  /// Makes a thread the one that the next requests are about.
  func select(_ thread: RemoteThreadID) throws(RemoteError) {
    if selected == thread { return }
    try command("Hg" + thread.text)
    selected = thread
  }

  /// After anything that may have changed which thread is selected.
  func forgetSelection() { selected = nil }

  /// All of an object of the server's (GDB's manual, E.9).
  func transfer(_ object: String, _ annex: String) throws(RemoteError) -> [UInt8] {
    let limit = 16 << 20
    var all: [UInt8] = []
    while true {
      let count = min(features.packetSize - 16, 16384)
      let request =
        "qXfer:\(object):read:\(annex):" + String(all.count, radix: 16) + "," + String(count, radix: 16)
      let answer = try ask(request)
      guard let kind = answer.first, kind == UInt8(ascii: "m") || kind == UInt8(ascii: "l") else {
        throw Self.refusal(request, answer)
      }
      let part = try RemotePacket.unescaped(answer.dropFirst())
      all += part
      if kind == UInt8(ascii: "l") { return all }
      guard !part.isEmpty, all.count <= limit else {
        throw .malformed(what: "object \(object)", why: "it does not end")
      }
    }
  }

  /// The threads that the server has.
  func threads() throws(RemoteError) -> [RemoteThreadID] {
    var threads: [RemoteThreadID] = []
    var answer = try ask("qfThreadInfo")
    while answer.first == UInt8(ascii: "m") {
      for text in answer.dropFirst().split(separator: UInt8(ascii: ",")) {
        guard let thread = RemoteThreadID(text), threads.count < 1 << 20 else {
          throw .malformed(what: "list of threads", why: String(decoding: answer.prefix(80), as: UTF8.self))
        }
        threads.append(thread)
      }
      answer = try ask("qsThreadInfo")
    }
    guard answer == [UInt8(ascii: "l")] else { throw Self.refusal("qfThreadInfo", answer) }
    return threads
  }

  /// Finds out, with a stopped thread, whether binary data can be written.
  func probe() throws(RemoteError) { writesBinary = try ask("X0,0:") == Self.ok }
}
