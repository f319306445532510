internal import ApusCore

/// Code that jumps to an address in a slot: for calls that do not reach, and for calls of other modules.
///
/// It changes registers only that the procedure-call standards leave to linkers: none on x86-64; x16 on arm64; r12 and ctr on
/// ppc64le, and the caller's word for its TOC pointer. Each architecture's file has the code.
struct Veneer {
  static let alignment: UInt64 = 16

  /// Where it will be.
  var place: Address
  /// Where the address is.
  var slot: Address
  /// What r2 holds; ppc64le only.
  var toc: Address
  /// r2 is kept for the caller, which loads it again (ELFv2, 2.3.6.1).
  var savesTOC: Bool
}
