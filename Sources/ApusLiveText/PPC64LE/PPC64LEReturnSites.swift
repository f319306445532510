package import ApusCore
internal import ApusISA

/// Finds the places before a function's returns where control can be taken: the return itself is a slot.
package enum PPC64LEReturnSites {
  /// The sites of the function with this code; nil if there is no return, one that is conditional, or a jump that may leave
  /// the function for a place that cannot be seen.
  package static func find(_ code: [UInt8], at address: Address) -> [(address: Address, code: [UInt8])]? {
    var result: [(address: Address, code: [UInt8])] = []
    let decoder = PPC64LE.Decoder()
    for offset in stride(from: 0, through: code.count - 4, by: 4) {
      let place = address + UInt64(offset)
      // Data between instructions is nothing that returns.
      guard let instruction = try? decoder.decode(code[offset...], at: place) else { continue }
      switch instruction.flow {
      case .jump(nil), .return(isConditional: true): return nil
      case .return(isConditional: false): result.append((place, Array(code[offset..<offset + 4])))
      default: break
      }
    }
    return result.isEmpty ? nil : result
  }
}
