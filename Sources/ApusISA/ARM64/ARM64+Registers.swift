/// The A64 instruction set of the Arm architecture, as far as trampolines and moved code need it.
///
/// "Arm ARM" in comments is the Arm Architecture Reference Manual for A-profile; its part C6 lists the instructions.
package enum ARM64 {}

extension ARM64 {
  /// A general register. Number 31 in an encoding is the stack pointer or the zero register, whichever the instruction
  /// form says; each method of the encoder takes only the one that it can mean.
  package enum Register: UInt8, Sendable, Hashable, CaseIterable {
    case x0 = 0
    case x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15
    case x16, x17, x18, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30
    case sp
    case zero

    /// The number in instruction encodings.
    package var number: UInt32 { UInt32(min(rawValue, 31)) }

    /// The register with this number in an encoding where 31 is the zero register.
    package init(number: UInt32) { self = number & 31 == 31 ? .zero : Self.general(number) }
    /// The register with this number in an encoding where 31 is the stack pointer.
    package init(base number: UInt32) { self = number & 31 == 31 ? .sp : Self.general(number) }

    private static func general(_ number: UInt32) -> Register {
      Register(rawValue: UInt8(truncatingIfNeeded: number & 31)) ?? .zero
    }

    /// x0 to x30.
    package static let numbered: [Register] = allCases.filter { $0 != .sp && $0 != .zero }

    /// The number in call-frame information; nil for the zero register (DWARF for the Arm 64-bit architecture, table 4.1).
    package var dwarfNumber: Int? { self == .zero ? nil : Int(rawValue) }

    /// The registers of the integer arguments, in order (AAPCS64, 6.4).
    package static let arguments: [Register] = [.x0, .x1, .x2, .x3, .x4, .x5, .x6, .x7]
    /// Where `bl` leaves the return address.
    package static let link = Register.x30
  }

  /// The call-frame information's number of the return address column.
  package static let returnAddressDwarfNumber: UInt8 = 30

  /// How many bytes an access moves.
  package enum Width: Int, Sendable, CaseIterable {
    case one = 1
    case two = 2
    case four = 4
    case eight = 8

    /// log2 of it, which is also the `size` field of loads and stores.
    package var shift: UInt32 {
      switch self {
      case .one: 0
      case .two: 1
      case .four: 2
      case .eight: 3
      }
    }
  }

  /// How a pair of registers is addressed.
  package enum Indexing: Sendable, CaseIterable {
    /// `[base, #offset]`
    case offset
    /// `[base, #offset]!`: the base has the new address afterwards.
    case before
    /// `[base], #offset`: the offset is added afterwards.
    case after
  }

  /// How many bytes an instruction takes.
  package static let instructionSize = 4
}
