package import ApusCore
internal import ApusISA

/// Moves a function's own instructions elsewhere, so that a jump can stand in their place.
package struct CodeDisplacer {
  private let mover: any CodeMover
  private let states: SiteStates

  /// Bytes that moved code may take.
  static let room = 96

  /// A displacer for an architecture.
  package init(_ states: SiteStates) throws(DisplacementError) {
    self.states = states
    mover = try states.architecture.codeMover()
  }

  /// The code at `destination` that does what the first instructions of `code` did, and goes on behind them.
  ///
  /// - Parameter code: from the function's start to a bound up to which padding may be overwritten.
  func displaced(
    _ code: [UInt8], at address: Address, to destination: Address
  ) throws(DisplacementError) -> [UInt8] {
    let moved: RelocatedCode
    do throws(RelocationError) {
      moved = try mover.relocate(
        code, at: address, to: destination, minimumCount: states.slotBytes)
    } catch { throw .immovable("\(error)") }
    var bytes = moved.bytes
    if moved.continues {
      let from = destination + UInt64(bytes.count)
      guard let jump = states.jump(from: from, to: address + UInt64(moved.originalCount)) else {
        throw .outOfReach
      }
      bytes += jump
    }
    guard bytes.count <= Self.room else { throw .outOfReach }
    return bytes
  }

  /// The places before a function's returns where control can be taken; nil if there is one that has no room.
  package func returnSites(_ code: [UInt8], at address: Address) -> [(address: Address, code: [UInt8])]? {
    mover.returnSites(code, at: address)
  }
}

/// Why a function's own instructions cannot be a call site.
package enum DisplacementError: Error, CustomStringConvertible {
  case noDecoder(String)
  case immovable(String)
  case outOfReach
  case liveText(LiveTextError)

  package var description: String {
    switch self {
    case .noDecoder(let why): "no instruction decoder: \(why)"
    case .immovable(let why): why
    case .outOfReach: "the arena is out of reach"
    case .liveText(let error): error.description
    }
  }
}
