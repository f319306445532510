package import ApusCore
internal import ApusISA

/// Finds the places before a function's returns where control can be taken: the return itself is a slot.
package enum ARM64ReturnSites {
  /// The sites of the function with this code; nil if there is no return, or a jump that may leave the function for a place
  /// that cannot be seen.
  package static func find(_ code: [UInt8], at address: Address) -> [(address: Address, code: [UInt8])]? {
    var result: [(address: Address, code: [UInt8])] = []
    for instruction in ARM64.Decoder().decodeAll(code, at: address) {
      switch instruction.kind {
      case .jumpRegister: return nil
      case .return:
        let from = Int(instruction.address - address)
        result.append((instruction.address, Array(code[from..<from + ARM64.instructionSize])))
      default: break
      }
    }
    return result.isEmpty ? nil : result
  }
}
