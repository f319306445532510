package import ApusCore

/// What can be done at a call site.
package struct SiteModes: OptionSet, Sendable, Hashable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }
  /// Calls are counted.
  package static let count = SiteModes(rawValue: 1)
  /// Entries are logged, by the path that saves little.
  package static let entry = SiteModes(rawValue: 2)
  /// Entries with the whole register file.
  package static let regs = SiteModes(rawValue: 4)
  /// Entries and returns.
  package static let graph = SiteModes(rawValue: 8)
  /// Calls lead to another function.
  package static let redirect = SiteModes(rawValue: 16)
  /// Everything.
  package static let all: SiteModes = [.count, .entry, .regs, .graph, .redirect]

  /// The modes' names, in the order above.
  package var names: [String] {
    let table: [(SiteModes, String)] = [
      (.count, "count"), (.entry, "entry"), (.regs, "regs"), (.graph, "graph"), (.redirect, "redirect"),
    ]
    return table.compactMap { contains($0.0) ? $0.1 : nil }
  }
}

/// A place in a function's text that can be made to enter a trampoline, as the file says it. (What state it
/// is in belongs to a process, not to the file.)
///
/// ```
///   entry                 function                                   slot + slotBytes
///   | bytesBefore (M nops) | landing pad, if any | slot (N - M nops) | the body
/// ```
/// With M = 0 the entry is the slot.
package struct CallSite: Sendable, Hashable {
  /// Who made the site, and how.
  package enum Kind: String, Sendable, CaseIterable {
    /// Nops of `-fpatchable-function-entry`.
    case patchable
    /// A call of `__fentry__` or its nop, listed in `__mcount_loc`.
    case fentry
    /// An XRay sled.
    case xray
    /// The function's own first instructions, moved elsewhere.
    case displaced
  }

  /// Who made it.
  package var kind: Kind
  /// Whether the table of sites has it.
  ///
  /// If not, it was found by the nops that its function begins with. Linkers drop entries of functions that
  /// they keep: gcc before 14 ties the one table of a file to its first function, and where that is an inline
  /// function of which another file's copy was chosen, the whole table is gone; GNU ld and gold drop tables
  /// with `--gc-sections`.
  package var isListed: Bool
  /// The address that the table of sites holds; of a site that is not listed, the slot.
  package var entry: Address
  /// The first byte that we may write, behind the landing pad.
  package var slot: Address
  /// How many bytes from `slot` on are nops; an instruction begins behind them.
  package var slotBytes: Int
  /// The nops' own boundaries are instruction boundaries too: this is the first one that leaves room for
  /// what the architecture writes, so the body can be continued there. `slotBytes` if there is none.
  package var resumeOffset: Int
  /// How many bytes of nops stand before the function: the M of `-fpatchable-function-entry=N,M`, in bytes.
  package var bytesBefore: Int
  /// Whether the function begins with an instruction that indirect branches may land on (`endbr64`, `bti c`).
  package var hasLandingPad: Bool
  /// The nops themselves, at most 32 bytes from `slot`: verified before anything is written over them.
  package var slotContents: [UInt8]
  /// The function that it belongs to: an index in ``CallSites/functions``.
  package var function: Int
  /// What can be done here.
  package var modes: SiteModes
  /// Why something cannot be done here; nil if `modes` is everything.
  package var refusal: SiteRefusal?

  /// Takes `refusal`'s modes away and notes it, unless a refusal that takes more stands already.
  package mutating func refuse(_ refusal: SiteRefusal) {
    if self.refusal == nil || refusal.refusedModes.isStrictSuperset(of: SiteModes.all.subtracting(modes)) {
      self.refusal = refusal
    }
    modes.subtract(refusal.refusedModes)
  }
}
