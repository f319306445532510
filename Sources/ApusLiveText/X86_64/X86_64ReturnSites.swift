package import ApusCore
package import ApusISA

/// Finds the places before a function's returns where control can be taken: the last instructions that make up a
/// slot, the return included, with no branch into their middle.
package enum X86_64ReturnSites {
  /// The sites of the function with this code; nil if a return has no room, or something jumps we cannot see where.
  package static func find(
    _ code: [UInt8], at address: Address, decoder: X86_64.Decoder
  ) -> [(address: Address, code: [UInt8])]? {
    var instructions: [X86_64.Instruction] = []
    var offset = 0
    while offset < code.count {
      guard let next = try? decoder.decode(code[offset...], at: address + UInt64(offset)) else { break }
      instructions.append(next)
      offset += next.count
    }
    var targets: Set<Address> = []
    for instruction in instructions {
      if let target = instruction.relativeTarget { targets.insert(target) }
      switch instruction.flow {
      case .jump(nil): return nil
      case .jump(let target), .call(let target), .special(let target):
        if let target { targets.insert(target) }
      case .branch(_, let target): targets.insert(target)
      case .next, .return, .trap: break
      }
    }
    var result: [(address: Address, code: [UInt8])] = []
    for (index, instruction) in instructions.enumerated() where instruction.flow == .return {
      var first = index
      var count = instruction.count
      while count < X86_64SiteStates.slotBytes, first > 0 {
        // Only what follows on in a straight line, and changes nothing but registers and the stack pointer.
        let before = instructions[first - 1]
        guard case .next = before.flow, !targets.contains(instructions[first].address) else { return nil }
        first -= 1
        count += before.count
      }
      guard count >= X86_64SiteStates.slotBytes else { return nil }
      let start = instructions[first].address
      let from = Int(start - address)
      result.append((start, Array(code[from..<(from + count)])))
    }
    return result.isEmpty ? nil : result
  }
}
