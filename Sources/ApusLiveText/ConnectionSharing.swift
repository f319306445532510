package import ApusCore
package import ApusProcess
internal import ApusSystem

/// Memory in a process behind a connection: shared through a file, where the server runs on this machine; else the process's own.
package final class ConnectionSharing: MemorySharing {
  private let tracer: RemoteTracer
  /// Whether memory can be shared; nil before it has been tried.
  package private(set) var isShared: Bool?
  private let mayShare: Bool

  /// With the processes of a tracer. `mayShare`: whether it is tried at all.
  package init(_ tracer: RemoteTracer, mayShare: Bool = true) {
    self.tracer = tracer
    self.mayShare = mayShare
  }

  /// A server that does not write text takes code through a view of it, which its translations see when it first runs.
  package func storesCode(_ states: SiteStates) -> Bool { !tracer.capabilities.writesText }

  package func map(
    bytes: UInt64, at address: Address, executable: Bool, name: String, in caller: RemoteCaller
  ) throws(LiveTextError) -> RemoteMapping {
    let range = AddressRange(address, address + bytes)
    if mayShare, isShared ?? true {
      let shared = try lifting { () throws(TraceError) in
        try tracer.shareFile(
          bytes: Int(bytes), at: address, isExecutable: executable, on: caller.thread, through: caller.gate)
      }
      isShared = shared != nil
      if let shared {
        guard shared.address == address else { throw .process(.remoteCall(.mmap, errno: .exists)) }
        return RemoteMapping(range, view: shared.view)
      }
    }
    try lifting { () throws(TraceError) in
      if executable {
        try RemoteFile.code(bytes: bytes, at: address, in: caller)
      } else {
        try RemoteFile.anonymous(bytes: bytes, at: address, in: caller)
      }
    }
    let memory = try lifting { () throws(TraceError) in
      try tracer.memory(of: try tracer.process(of: caller.thread))
    }
    return RemoteMapping(range, in: memory)
  }
}
