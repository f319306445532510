package import ApusCore

/// How a call site's slot is written on an architecture: its states, and the writes that lead from one to another.
///
/// untouched → prepared, or straight to enabled, happens while no thread can run in the slot; prepared ↔ enabled at any time, by
/// one store that no thread can see half of. The table of bytes is the architecture's own file's.
package struct SiteStates: Sendable, Hashable {
  /// Whose sites.
  package let architecture: Architecture

  /// The states for an architecture.
  package init(_ architecture: Architecture) { self.architecture = architecture }

  /// How many bytes of the slot are written.
  package var slotBytes: Int { architecture.siteStates.slotBytes }
  /// How far a branch reaches, with room to spare.
  package var reach: UInt64 { architecture.siteStates.reach }
  /// Whether code may be written through another mapping: see ``SiteStateTable/hasCoherentFetches``.
  package var hasCoherentFetches: Bool { architecture.siteStates.hasCoherentFetches }

  /// Where the stub of a slot must stand: at `residue` modulo `modulus`.
  package func stubPlacement(slot: Address) -> (residue: UInt64, modulus: UInt64) {
    architecture.siteStates.stubPlacement(slot: slot)
  }

  /// A prepared slot's bytes; nil if the stub is not where it must be.
  package func prepared(slot: Address, stub: Address) -> [UInt8]? {
    architecture.siteStates.prepared(slot: slot, stub: stub)
  }

  /// What makes a prepared slot enabled, written at the slot's address; nil if the stub is not where it must be.
  package func enabling(slot: Address, stub: Address) -> [UInt8]? {
    architecture.siteStates.enabling(slot: slot, stub: stub)
  }
  /// What makes an enabled slot prepared again, written at the slot's address.
  package var disabling: [UInt8] { architecture.siteStates.disabling }

  /// A jump that may be written over displaced instructions; nil if it does not reach.
  package func jump(from place: Address, to target: Address) -> [UInt8]? {
    architecture.siteStates.jump(from: place, to: target)
  }
}
