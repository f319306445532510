package import ApusISA
package import ApusProbe

/// A lowered probe program: position-independent but for its relocations; aligned as the architecture's instructions
/// must be.
package struct CodeBlob: Sendable, Equatable {
  /// A place that depends on where code is put.
  package struct Relocation: Sendable, Hashable {
    /// How the place is filled in.
    package enum Kind: Sendable, Hashable {
      /// A signed 32-bit distance: target + addend − address of the place.
      case relative32
      /// The low 26 bits of a 32-bit word: the signed distance in units of 4 bytes, within ±128 MiB. (R_AARCH64_JUMP26 and
      /// R_AARCH64_CALL26 in ELF for the Arm 64-bit architecture, 5.7.)
      case branch26
      /// Power: bits 2 to 25 of a 32-bit word, which the distance's are, a multiple of 4 within ±32 MiB. (`b` and `bl`: Power
      /// ISA, book I, 1.6.1.)
      case powerBranch24
    }
    /// What the place refers to.
    package enum Target: Sendable, Hashable {
      case symbol(ProbeSymbol)
      /// The body of the function that the stub is for.
      case body
    }
    /// Of the place, in bytes from the code's start.
    package var offset: Int
    package var kind: Kind
    package var target: Target
    package var addend: Int64
  }

  /// An access that may fault.
  package struct FaultEntry: Sendable, Hashable {
    /// The offset of the accessing instruction.
    package var start: Int
    /// The offset where the thread is to continue; registers as they are.
    package var recovery: Int
  }

  /// Where a thread stops for the tracer; see ``ProbeInstruction/trap(_:)``.
  package struct Trap: Sendable, Hashable {
    /// The offset of the instruction.
    package var start: Int
    /// The offset where the thread goes on.
    package var end: Int
    package var reason: ProbeTrap
  }

  /// A store that a tracer can make in a thread's place; see ``ProbeInstruction/committed(_:_:)``.
  package struct CommittedStore: Sendable, Hashable {
    /// What is stored.
    package enum Value: Sendable, Hashable {
      /// The word of the kernel's register file with this index.
      case register(Int)
      case constant(UInt64)
    }
    /// The offset of its first instruction.
    package var start: Int
    /// The offset after it.
    package var end: Int
    /// The word of the register file that the address is counted from.
    package var base: Int
    /// In bytes.
    package var displacement: Int32
    /// 64 bits.
    package var value: Value
  }

  /// A label's place.
  package struct LabelOffset: Sendable, Hashable {
    package var label: ProbeLabel
    /// In bytes from the code's start.
    package var offset: Int
  }

  /// A constant in the code that can be replaced by another.
  package struct ConstantSite: Sendable, Hashable {
    /// How the constant is encoded; little-endian.
    package enum Form: Sendable, Hashable {
      case zeroExtended32
      case signExtended32
      case full64
      /// So many instructions, each of which carries 16 bits (arm64's `movz`, `movn` and `movk`).
      case moves(Int)
      /// Power: `lis`, `ori` with the halves of a sign-extended 32-bit value.
      case powerHalves32
      /// Power: `oris`, `ori` or `xoris`, `xori` with the halves of a value of 31 bits.
      case powerLogical32
      /// Power: `addis`, `addi`, which add a sign-extended 32-bit value; the lower half is signed.
      case powerAdded32
      /// Power: `lis`, `ori`, `sldi`, `oris`, `ori` with the four parts of a 64-bit value.
      case powerParts64
    }
    /// Of the constant's first byte, or of its first instruction.
    package var offset: Int
    package var form: Form
    /// The 64-bit value that stands there.
    package var value: UInt64
  }

  /// The program's name.
  package var name: String
  /// The machine code; relocated places hold zeros.
  package var bytes: [UInt8]
  package var relocations: [Relocation]
  package var labels: [LabelOffset]
  package var faultTable: [FaultEntry]
  package var traps: [Trap]
  /// By ascending offset.
  package var committed: [CommittedStore]
  /// The offsets after each call of the body: what bodies return to.
  package var returnPoints: [Int]
  /// Rows by ascending offset; the first is for offset 0.
  package var cfi: [CFIRow]
  /// The constants and immediates that can be replaced: those that are not packed into an instruction with other things.
  package var constantSites: [ConstantSite]

  /// The offset after the only (or first) call of the body.
  package var returnPoint: Int? { returnPoints.first }

  /// Where a label is.
  package func offset(of label: ProbeLabel) -> Int? { labels.first { $0.label == label }?.offset }

  /// The row of call-frame information that holds before the instruction at `offset` runs.
  package func frameInformation(at offset: Int) -> CFIRow? { cfi.last { $0.offset <= offset } }
}
