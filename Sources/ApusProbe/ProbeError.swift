/// A probe program that is no program: a mistake of whoever wrote it.
package struct ProbeError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong.
  package enum Reason: Sendable, Hashable {
    case duplicateLabel(ProbeLabel)
    case undefinedLabel(ProbeLabel)
    /// The instruction means nothing in a program with this role.
    case notAllowed(ProbeProgram.Role)
    /// Control can run off the program's end.
    case fallsOffEnd
    /// A register is read that on some path has no specified value.
    case unwrittenRegister(ProbeRegister)
    /// Committed instructions are labels around 64-bit stores.
    case notCommittable
    /// A shift count above 63.
    case shiftCount(UInt8)
    /// An argument's index that is not 0 to 5.
    case argumentIndex(Int)
    /// The caller's arguments are gone once the body was called.
    case argumentAfterBody
  }
  /// The program's name.
  package var program: String
  /// The index of the instruction.
  package var index: Int
  /// What is wrong.
  package var reason: Reason

  package init(program: String, index: Int, reason: Reason) {
    self.program = program
    self.index = index
    self.reason = reason
  }

  package var description: String {
    let what =
      switch reason {
      case .duplicateLabel(let label): "label \(label.rawValue) is defined twice"
      case .undefinedLabel(let label): "label \(label.rawValue) is not defined"
      case .notAllowed(let role): "the instruction is not allowed in a \(role)"
      case .fallsOffEnd: "control runs off the end"
      case .unwrittenRegister(let register): "\(register) is read but has no specified value on some path"
      case .notCommittable: "what is committed is not 64-bit stores between two labels"
      case .shiftCount(let count): "a shift by \(count)"
      case .argumentIndex(let index): "there is no register argument \(index)"
      case .argumentAfterBody: "what only the call has is used after the body was called"
      }
    return "probe program \(program), instruction \(index): \(what)"
  }
}
