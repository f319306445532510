/// One 64-bit word of a thread's event buffer.
///
/// ```
///  63                              26 25                        2 1   0
/// +----------------------------------+---------------------------+-----+
/// | time: low 38 bits of the counter | function identifier       | kind|   kinds tail, entry, return
/// +----------------------------------+------------------+--------+-----+
/// | time                             | payload, 18 bits | subkind|  3  |   kind extended
/// +----------------------------------+------------------+--------+-----+
/// ```
///
/// Each word is written with one store, and published by the thread's position (``ThreadContext/position``). Function
/// identifiers start at 1. Untimed events have zero in the time field.
public struct EventWord: RawRepresentable, Sendable, Hashable {
  /// The word as it stands in memory.
  public var rawValue: UInt64
  /// Takes a word as it was read.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// What a word says.
  public enum Kind: UInt64, Sendable, CaseIterable {
    /// The function in this frame was left by a tail call, and the named one was entered in its place.
    case tail = 0
    /// A call: the named function was entered.
    case entry = 1
    /// The named function, whose frame this was, returned.
    case `return` = 2
    /// Something rarer; see ``Subkind``.
    case extended = 3
  }

  /// The rarer events.
  public enum Subkind: UInt64, Sendable, CaseIterable {
    /// Fills a slot that turned out not to be needed.
    case padding = 0
    /// `payload` innermost open frames on the current stack chunk were left without returning.
    case unwound = 1
    /// Calls were lost before this event; `payload` innermost recorded frames returned unseen.
    case gap = 2
    /// The thread's events from here on belong to the stack chunk with index `payload`.
    case stack = 3
    /// A frame returned that the thread did not have open; the next word says which function.
    case unmatched = 4
    /// Half a word of the register file of the call whose entry or tail call follows; see ``registers(_:remaining:)``.
    case registers = 5
  }

  /// Bits 0–1.
  public static let kindMask: UInt64 = 3
  /// Where the function identifier starts.
  public static let functionShift: UInt64 = 2
  /// How wide a function identifier is.
  public static let functionBits: UInt64 = 24
  /// The function identifier's bits, in place.
  public static let functionMask: UInt64 = ((1 << functionBits) - 1) << functionShift
  /// Where the time starts.
  public static let timeShift: UInt64 = 26
  /// How many low bits of the time-stamp counter a word holds.
  public static let timeBits: UInt64 = 38
  /// Where an extended event's subkind starts.
  public static let subkindShift: UInt64 = 2
  /// Where an extended event's payload starts.
  public static let payloadShift: UInt64 = 8
  /// How wide an extended event's payload is.
  public static let payloadBits: UInt64 = 18

  /// The kind.
  @inlinable public var kind: Kind { Kind(rawValue: rawValue & 3) ?? .extended }
  /// The function identifier of a tail, entry or return event.
  @inlinable public var function: UInt32 { UInt32(truncatingIfNeeded: (rawValue & Self.functionMask) >> 2) }
  /// The subkind of an extended event, or nil for one of a later version.
  @inlinable public var subkind: Subkind? { Subkind(rawValue: (rawValue >> 2) & 63) }
  /// The payload of an extended event.
  @inlinable public var payload: UInt64 { (rawValue >> Self.payloadShift) & ((1 << Self.payloadBits) - 1) }
  /// The low bits of the time-stamp counter.
  @inlinable public var time: UInt64 { rawValue >> Self.timeShift }

  /// Half a register: 32 bits of a register file, in the place of bits 32 to 63. The call's register file comes before its
  /// entry or tail call, in one piece with it (nothing of the thread stands in between): for each word first the lower half,
  /// then the upper one.
  ///
  /// ```
  ///  63                        32 31   26 25                8 7      2 1   0
  /// +----------------------------+-------+-------------------+--------+-----+
  /// | half a word                |   0   | halves to come    |    5   |  3  |
  /// +----------------------------+-------+-------------------+--------+-----+
  /// ```
  ///
  /// - Parameter remaining: how many halves follow; the last one has 0.
  public static func registers(_ half: UInt32, remaining: Int) -> EventWord {
    EventWord(
      rawValue: EventWord(.registers, payload: UInt64(remaining), time: 0).rawValue | UInt64(half) << 32)
  }
  /// The half of a register that the word holds; see ``registers(_:remaining:)``.
  @inlinable public var half: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }

  /// What stands in a frame whose return is no event: a padding, whose bit 0 no return has.
  package static let unlogged = EventWord(.padding, payload: 0, time: 0)
  /// The bit that tells ``unlogged`` from a return, and an entry from a tail call.
  package static let unloggedBit: UInt64 = 1

  /// A tail, entry or return event.
  public init(_ kind: Kind, function: UInt32, time: UInt64) {
    rawValue =
      kind.rawValue | (UInt64(function) << Self.functionShift) & Self.functionMask | time << Self.timeShift
  }

  /// An extended event.
  public init(_ subkind: Subkind, payload: UInt64, time: UInt64) {
    rawValue =
      Kind.extended.rawValue | subkind.rawValue << Self.subkindShift
      | (payload & ((1 << Self.payloadBits) - 1)) << Self.payloadShift | time << Self.timeShift
  }
}
