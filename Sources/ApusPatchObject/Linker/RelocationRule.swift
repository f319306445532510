/// What a relocation computes and where it puts it: one row of a processor supplement's table.
///
/// The value is rounded, checked, shifted right and put into the field.
struct RelocationRule {
  /// What is computed. S is the symbol's address, A the addend, P the place that is changed, G a slot's address.
  enum Value: Hashable {
    /// Nothing: a mark for linkers that rewrite instructions.
    case nothing
    /// S + A.
    case absolute
    /// S + A - P.
    case relative
    /// S + A - P of a call or jump, which may go by a veneer.
    case branch
    /// Page(S + A) - Page(P), pages of 4 KiB.
    case page
    /// G + A - P.
    case slot(LinkSlot.Content)
    /// Page(G) - Page(P).
    case slotPage(LinkSlot.Content)
    /// G; what is wanted of it are the low bits.
    case slotAddress(LinkSlot.Content)
    /// G - Page(GOT).
    case slotFromTablePage
    /// G - TOC.
    case slotFromTOC(LinkSlot.Content)
    /// S + A - TOC.
    case fromTOC
    /// TOC + A.
    case tableOfContents
    /// GOT + A - P.
    case table
    /// S + A - GOT.
    case fromTable
    /// G + A - GOT.
    case slotFromTable
    /// The symbol's size + A.
    case size
    /// Where a thread-local variable is, away from the thread pointer.
    case threadOffset
    /// Where it is in its module's block, as `__tls_get_addr` counts.
    case blockOffset
    /// An instruction of a call through a descriptor (TLSDESC), which is rewritten: the offset from the thread pointer is known.
    case descriptor(DescriptorStep)
  }
  /// The instructions of a call through a descriptor, in their order.
  enum DescriptorStep: Hashable { case page, load, add, call }
  /// What a value may be.
  enum Range: Hashable {
    case any
    case signed(Int)
    case unsigned(Int)
    /// Signed or unsigned.
    case either(Int)

    func contains(_ value: Int64) -> Bool {
      switch self {
      case .any: true
      case .signed(let bits): bits >= 64 || value >= -(1 << (bits - 1)) && value < 1 << (bits - 1)
      case .unsigned(let bits): bits >= 64 || value >= 0 && value < 1 << bits
      case .either(let bits): bits >= 64 || value >= -(1 << (bits - 1)) && value < 1 << bits
      }
    }
  }
  /// As the supplement calls it, without the prefix that all have.
  var name: String
  var value: Value
  /// What is added before the shift: half of what the low part counts, where that is signed.
  var rounding: Int64 = 0
  var shift = 0
  var range = Range.any
  /// What the value is a multiple of.
  var alignment: Int64 = 1
  var field: Field

  /// A whole little-endian number.
  static func data(_ name: String, _ value: Value, bytes: Int, _ range: Range = .any) -> RelocationRule {
    RelocationRule(name: name, value: value, range: range, field: .bits(8 * bytes, at: 0, of: bytes))
  }
  static func mark(_ name: String) -> RelocationRule {
    RelocationRule(name: name, value: .nothing, field: .none)
  }

  /// Whether it puts an address, or a part of one, where not every address fits.
  var isNearAddress: Bool {
    switch value {
    case .absolute: field != .bits(64, at: 0, of: 8)
    case .relative, .page: true
    default: false
    }
  }

  /// The slot that it needs, if any.
  var slot: LinkSlot.Content? {
    switch value {
    case .slot(let content), .slotPage(let content), .slotAddress(let content), .slotFromTOC(let content):
      content
    case .slotFromTablePage, .slotFromTable: .address
    default: nil
    }
  }
}
