/// The 64-bit Power instruction set in little-endian mode (Power ISA 2.07, POWER8) under the ELFv2 ABI, as far as
/// trampolines need it.
package enum PPC64LE {}

extension PPC64LE {
  /// A general register; the raw value is its number in instruction encodings.
  package enum Register: UInt8, Sendable, Hashable, CaseIterable {
    case r0 = 0
    case r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15
    case r16, r17, r18, r19, r20, r21, r22, r23, r24, r25, r26, r27, r28, r29, r30, r31

    /// The number in call-frame information (ELFv2 ABI, 2.4, DWARF register numbers).
    package var dwarfNumber: Int { Int(rawValue) }

    /// The registers of the first integer arguments that probe programs can ask for, in order (ELFv2 ABI, 2.2.3.1).
    package static let arguments: [Register] = [.r3, .r4, .r5, .r6, .r7, .r8]
    /// The stack pointer (ELFv2 ABI, 2.2.2.1).
    package static let stackPointer = Register.r1
    /// The thread pointer (ELFv2 ABI, 2.2.2.1).
    package static let threadPointer = Register.r13
    /// The registers that a function gives back as it found them; r2 and r13 are reserved and not among them
    /// (ELFv2 ABI, 2.2.2.1).
    package static let nonvolatile: [Register] = allCases.filter { $0 == .r1 || $0.rawValue >= 14 }
  }

  /// The call-frame information's number of the return address column: the link register.
  package static let returnAddressDwarfNumber: UInt8 = 65

  /// A memory operand: a register and a displacement.
  package struct Memory: Sendable, Hashable {
    /// What the displacement is added to; ``Register/r0`` stands for zero (Power ISA, book I, 1.11.1).
    package var base: Register
    /// In bytes, sign-extended. Of 8-byte accesses, a multiple of 4 (DS form).
    package var displacement: Int16

    /// `displacement(register)`.
    package init(_ register: Register, _ displacement: Int16 = 0) {
      base = register
      self.displacement = displacement
    }
  }

  /// How many bytes an access moves.
  package enum Width: Int, Sendable, CaseIterable {
    case one = 1
    case two = 2
    case four = 4
    case eight = 8
  }
}
