package import ApusCore

/// Instructions that were moved.
package struct RelocatedCode: Sendable, Hashable {
  /// The code for the new place. If ``continues``, it must be followed by a jump to
  /// `original address + originalCount`.
  package var bytes: [UInt8]
  /// How many bytes at the original place may be overwritten: whole instructions, and padding after them.
  package var originalCount: Int
  /// Whether control can run off the end of ``bytes``.
  package var continues: Bool
  /// For each instruction moved, its offset at the original and at the new place; the ends of both as the
  /// last pair if ``continues``. A thread that stands at one can be moved to the other.
  package var offsets: [Offset]
  /// Offsets at the new place that a called function may return to.
  package var returnPoints: [Int]

  /// A pair of places that mean the same.
  package struct Offset: Sendable, Hashable {
    package var original: Int
    package var relocated: Int
  }

  /// Where a thread that stands at an offset of the original goes on, or nil inside of instructions.
  package func relocated(_ original: Int) -> Int? { offsets.first { $0.original == original }?.relocated }
  /// The reverse.
  package func original(_ relocated: Int) -> Int? { offsets.first { $0.relocated == relocated }?.original }
}

/// Why instructions could not be moved.
package struct RelocationError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Reason: Sendable, Hashable {
    case undecodable
    /// The function ends, or its bytes do, before enough bytes were found.
    case tooShort(needed: Int, available: Int)
    /// An instruction that has no form for another place, or is a breakpoint of somebody's.
    case immovable(String)
    /// What an instruction refers to cannot be reached from the new place.
    case outOfRange(String, Address)
    /// An instruction, moved or not, goes into the middle of the bytes that would be overwritten.
    case branchIntoSlot(String, Address)
  }
  /// Of the instruction.
  package var address: Address
  package var reason: Reason

  package var description: String {
    let what =
      switch reason {
      case .undecodable: "no instruction"
      case .tooShort(let needed, let available): "\(available) bytes where \(needed) are needed"
      case .immovable(let text): "'\(text)' cannot be moved"
      case .outOfRange(let text, let target): "'\(text)' would not reach 0x\(String(target, radix: 16))"
      case .branchIntoSlot(let text, let target):
        "'\(text)' goes to 0x\(String(target, radix: 16)), inside the slot"
      }
    return "cannot displace code at 0x\(String(address, radix: 16)): \(what)"
  }
}
