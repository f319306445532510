/// The x86-64 instruction set, as far as trampolines need it.
package enum X86_64 {}

extension X86_64 {
  /// A general register; the raw value is its number in instruction encodings.
  package enum Register: UInt8, Sendable, Hashable, CaseIterable {
    case rax = 0
    case rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15

    /// The number in call-frame information (System V ABI, figure 3.36).
    package var dwarfNumber: Int {
      switch self {
      case .rax: 0
      case .rdx: 1
      case .rcx: 2
      case .rbx: 3
      case .rsi: 4
      case .rdi: 5
      case .rbp: 6
      case .rsp: 7
      default: Int(rawValue)
      }
    }

    /// The registers of the integer arguments, in order (System V ABI, 3.2.3).
    package static let arguments: [Register] = [.rdi, .rsi, .rdx, .rcx, .r8, .r9]
  }

  /// The call-frame information's number of the return address column.
  package static let returnAddressDwarfNumber = 16

  /// A memory operand: a register or the next instruction's address, and a displacement.
  package struct Memory: Sendable, Hashable {
    /// What the displacement is added to.
    package enum Base: Sendable, Hashable {
      case register(Register)
      /// The address of the next instruction.
      case nextInstruction
      /// The base of the thread's `fs` segment.
      case threadPointer
    }
    /// What the displacement is added to.
    package var base: Base
    /// In bytes, sign-extended.
    package var displacement: Int32

    /// `[register + displacement]`.
    package init(_ register: Register, _ displacement: Int32 = 0) {
      base = .register(register)
      self.displacement = displacement
    }
    /// `[base + displacement]`.
    package init(base: Base, _ displacement: Int32) {
      self.base = base
      self.displacement = displacement
    }
    /// `[rip + displacement]`, counted from the end of the instruction.
    package static func relative(_ displacement: Int32) -> Memory {
      Memory(base: .nextInstruction, displacement)
    }
    /// `fs:[displacement]`.
    package static func thread(_ displacement: Int32) -> Memory { Memory(base: .threadPointer, displacement) }
  }

  /// How many bytes an access moves.
  package enum Width: Int, Sendable, CaseIterable {
    case one = 1
    case two = 2
    case four = 4
    case eight = 8
  }
}
