package import ApusCore

/// How a call site's slot is written on an architecture: its states, and the writes that lead from one to another.
///
/// untouched → prepared happens while no thread can run in the slot; prepared ↔ enabled at any time, by one store
/// that no thread can see half of. The table of bytes is the architecture's own file's.
package struct SiteStates: Sendable, Hashable {
  private let architecture: Architecture

  /// The states for an architecture, if its sites can be written.
  package init?(_ architecture: Architecture) {
    switch architecture {
    case .x86_64: self.architecture = architecture
    case .arm64, .ppc64le: return nil
    }
  }

  /// How many bytes of the slot are written.
  package var slotBytes: Int { X86_64SiteStates.slotBytes }
  /// How far a branch reaches, with room to spare.
  package var reach: UInt64 { X86_64SiteStates.reach }

  /// Where the stub of a slot must stand: at `residue` modulo `modulus`.
  package func stubPlacement(slot: Address) -> (residue: UInt64, modulus: UInt64) {
    (slot &+ X86_64SiteStates.stubResidue, X86_64SiteStates.stubModulus)
  }

  /// A prepared slot's bytes; nil if the stub is not where it must be.
  package func prepared(slot: Address, stub: Address) -> [UInt8]? {
    X86_64SiteStates.prepared(slot: slot, stub: stub)
  }

  /// What makes a prepared slot enabled, written at the slot's address.
  package var enabling: [UInt8] { [X86_64SiteStates.enabledByte] }
  /// What makes an enabled slot prepared again, written at the slot's address.
  package var disabling: [UInt8] { [X86_64SiteStates.preparedByte] }

  /// A jump that may be written over displaced instructions; nil if it does not reach.
  package func jump(from place: Address, to target: Address) -> [UInt8]? {
    X86_64SiteStates.jump(from: place, to: target)
  }
}
