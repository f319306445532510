extension ARM64 {
  /// Writes machine code: one method for each instruction form that trampolines and moved code use, 64 bits wide
  /// unless it says otherwise. Fields are cut to their width: callers check ranges with the `is…` and `…fits` functions.
  package struct Encoder: Sendable {
    /// The code so far.
    package private(set) var bytes: [UInt8] = []

    /// An encoder that has written nothing.
    package init() {}
    /// Forgets what was written but keeps the storage.
    package mutating func reset() { bytes.removeAll(keepingCapacity: true) }
    /// Makes room for at least `count` bytes.
    package mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }
    /// How many bytes were written.
    package var count: Int { bytes.count }

    /// An instruction as it is.
    package mutating func word(_ value: UInt32) {
      bytes.append(UInt8(truncatingIfNeeded: value))
      bytes.append(UInt8(truncatingIfNeeded: value >> 8))
      bytes.append(UInt8(truncatingIfNeeded: value >> 16))
      bytes.append(UInt8(truncatingIfNeeded: value >> 24))
    }

    /// Bytes that are code already.
    package mutating func append(_ code: some Collection<UInt8>) { bytes.append(contentsOf: code) }

    /// An instruction with registers in bits 0–4, 5–9 and 16–20.
    mutating func form(
      _ opcode: UInt32, _ low: Register, _ middle: Register = .x0, _ high: Register = .x0, _ bits: UInt32 = 0
    ) {
      word(opcode | bits | high.number << 16 | middle.number << 5 | low.number)
    }
    mutating func form(
      _ opcode: Opcode, _ low: Register, _ middle: Register = .x0, _ high: Register = .x0, _ bits: UInt32 = 0
    ) {
      form(opcode.rawValue, low, middle, high, bits)
    }

    /// A signed distance in bytes as a field of `width` bits that counts instructions, at bit `shift`.
    static func field(_ distance: Int, width: UInt32, at shift: UInt32) -> UInt32 {
      let units = UInt32(truncatingIfNeeded: distance >> 2)
      return (units & (1 << width - 1)) << shift
    }
  }

  /// Whether a distance in bytes is a whole number of instructions and fits a signed field of `width` bits.
  package static func branchReaches(_ distance: Int64, width: Int) -> Bool {
    distance & 3 == 0 && fits(distance >> 2, width)
  }

  /// Whether a signed number fits a field of `width` bits.
  static func fits(_ value: Int64, _ width: Int) -> Bool {
    value >= -(1 << Int64(width - 1)) && value < 1 << Int64(width - 1)
  }

  /// The widths of branches' distance fields.
  package enum Reach {
    /// `b`, `bl`: ±128 MiB.
    package static let branch = 26
    /// `b.cond`, `cbz`, `cbnz` and loads of literals: ±1 MiB.
    package static let conditional = 19
    /// `tbz`, `tbnz`: ±32 KiB.
    package static let testBit = 14
  }
}
