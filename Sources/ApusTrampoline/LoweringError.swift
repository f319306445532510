package import ApusCore
package import ApusProbe

/// Why a probe program could not become machine code, or machine code could not be put into its place.
package enum LoweringError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The instruction with this index means nothing in a program with this role; check the program first.
  case notAllowed(program: String, index: Int)
  /// The architecture has no stubs of many functions.
  case noSharedStubs(program: String, Architecture)
  /// A branch leads to a label that the program does not have, or has twice.
  case label(program: String, ProbeLabel)
  /// Control can run off the program's end.
  case fallsOffEnd(program: String)
  /// The code is so long that a branch in it does not reach.
  case tooLong(program: String)
  /// A symbol has no address.
  case undefinedSymbol(program: String, ProbeSymbol)
  /// What the code at `offset` refers to is too far away; place it nearer.
  case outOfRange(program: String, offset: Int, place: Address, target: Address)
  /// A patched constant does not fit where the lowered one stands; lower with a larger stand-in.
  case constantDoesNotFit(program: String, offset: Int, value: UInt64)
  /// No constant in the code has this value.
  case noSuchConstant(program: String, value: UInt64)

  package var description: String {
    switch self {
    case .notAllowed(let program, let index):
      "probe program \(program), instruction \(index): not allowed in its role"
    case .noSharedStubs(let program, let architecture):
      "probe program \(program): \(architecture) has no stubs that functions share"
    case .label(let program, let label):
      "probe program \(program): label \(label.rawValue) must be defined exactly once"
    case .fallsOffEnd(let program): "probe program \(program): control runs off the end"
    case .tooLong(let program): "probe program \(program): a branch in its code does not reach"
    case .undefinedSymbol(let program, let symbol):
      "probe program \(program): routine \(symbol.rawValue) has no address"
    case .outOfRange(let program, let offset, let place, let target):
      "probe program \(program) at \(hexadecimal(place)): offset \(offset) cannot reach \(hexadecimal(target))"
    case .constantDoesNotFit(let program, let offset, let value):
      "probe program \(program): constant \(hexadecimal(value)) does not fit at offset \(offset)"
    case .noSuchConstant(let program, let value):
      "probe program \(program): no constant \(hexadecimal(value)) to replace"
    }
  }
}

private func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
