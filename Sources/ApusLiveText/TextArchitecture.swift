package import ApusCore
internal import ApusISA

/// The states of a call site's slot on an architecture, and the writes that lead from one to another. Each
/// architecture's file has the table.
package protocol SiteStateTable {
  /// The bytes that are written of a slot.
  static var slotBytes: Int { get }
  /// How far a branch reaches, with room to spare.
  static var reach: UInt64 { get }
  /// Whether what is written through another mapping is seen by instruction fetches without more ado. If not, code is
  /// written through the process's own mapping, where the kernel maintains its caches.
  static var hasCoherentFetches: Bool { get }

  /// Where the stub of a slot must stand: at `residue` modulo `modulus`, a power of two.
  static func stubPlacement(slot: Address) -> (residue: UInt64, modulus: UInt64)
  /// A prepared slot's bytes; nil if the stub is not where it must be.
  static func prepared(slot: Address, stub: Address) -> [UInt8]?
  /// What is written over a prepared slot's first bytes to enable it; nil if the stub is not where it must be.
  static func enabling(slot: Address, stub: Address) -> [UInt8]?
  /// What is written over an enabled slot's first bytes to make it prepared again.
  static var disabling: [UInt8] { get }
  /// A jump that may be written over displaced instructions; nil if it does not reach.
  static func jump(from place: Address, to target: Address) -> [UInt8]?
}

/// Code that is put before the moved instructions of a hook, and what must be known of a hooked function's beginning.
protocol HookPrologues {
  /// Sets MCL_ONFAULT in mlockall(2)'s argument. (Alone it is refused, as 0 is.) Empty where we have none.
  static var lockOnFault: [UInt8] { get }
  /// Whether a function of mlockall's name is the system call's wrapper: its number goes into the register for it, and the
  /// call follows. One that a program has for something else keeps its argument.
  static func locks(_ code: [UInt8]) -> Bool
  /// The place of the word that a function loads from its first argument and returns, if that is all it does.
  static func loadedOffset(_ code: [UInt8]) -> Int32?
  /// The hooks that lead an unwinder through frames whose return addresses are ours. Where each address stands at its frame
  /// address, the real ones are put back. Where a body keeps its own in a place of its choice, perhaps signed, only the unwinder
  /// itself finds it, by its tables, and is then led past ours.
  static var unwindingHooks: Set<HookSite.Purpose> { get }
  /// Where the frames end that are left when an unwinder lands, from the landing's stack pointer downwards; see
  /// ``ProbeProgram/landHook(cfaOffset:distance:)``.
  static var landingDistance: Int32 { get }
  /// How many bytes at a function's beginning must stay where they are: indirect calls land on them.
  static func landingPad(_ code: [UInt8]) -> (bytes: Int, signsReturnAddress: Bool)
}

/// Moves instructions, and looks at them.
protocol CodeMover {
  /// See the architecture's relocator.
  func relocate(
    _ code: [UInt8], at address: Address, to destination: Address, minimumCount: Int
  ) throws(RelocationError) -> RelocatedCode
  /// The places before a function's returns where control can be taken; nil if there is one that has no room.
  func returnSites(_ code: [UInt8], at address: Address) -> [(address: Address, code: [UInt8])]?
}

extension Architecture {
  /// The states of its call sites.
  var siteStates: any SiteStateTable.Type {
    switch self {
    case .x86_64: X86_64SiteStates.self
    case .arm64: ARM64SiteStates.self
    case .ppc64le: PPC64LESiteStates.self
    }
  }

  /// What stands before the moved instructions of its hooks.
  var prologues: any HookPrologues.Type {
    switch self {
    case .x86_64: X86_64Prologues.self
    case .arm64: ARM64Prologues.self
    case .ppc64le: PPC64LEPrologues.self
    }
  }

  /// What moves its instructions.
  func codeMover() throws(DisplacementError) -> any CodeMover {
    switch self {
    case .x86_64: try X86_64CodeMover()
    case .arm64: ARM64CodeMover()
    case .ppc64le: PPC64LECodeMover()
    }
  }
}
