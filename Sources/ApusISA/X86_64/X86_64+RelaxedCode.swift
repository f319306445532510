package import ApusCore

extension X86_64 {
  /// Two pieces of code that are the same but for how their jumps are encoded, and for padding.
  ///
  /// Assemblers choose between the short and the long form of a jump by what stands around it, so that a function assembled into a
  /// section of its own may have other lengths than among others.
  package enum RelaxedCode {
    /// See ``ApusISA/RelaxedCode/destinations(_:_:open:_:)``.
    static func destinations(
      _ object: [UInt8], _ linked: [UInt8], open: Set<Int>
    ) -> [Int: Address]? {
      // (What does not decode is not the same.)
      guard let decoder = try? Decoder(), let left = try? decoder.decodeAll(object, at: 0),
        let right = try? decoder.decodeAll(linked, at: 0)
      else { return nil }
      let (mine, theirs) = (left.filter { !$0.isNoOperation }, right.filter { !$0.isNoOperation })
      guard mine.count == theirs.count else { return nil }
      var destinations: [Int: Address] = [:]
      // What jumps mean on both sides.
      var jumps: [(Address, Address)] = []
      for (instruction, other) in zip(mine, theirs) {
        let range = Int(instruction.address)..<Int(instruction.address) + instruction.count
        let field = range.first { open.contains($0) }
        switch (instruction.flow, other.flow) {
        case (.jump(let a?), .jump(let b?)):
          if let field { destinations[field] = b } else { jumps.append((a, b)) }
        case (.branch(let condition, let a), .branch(let same, let b)):
          guard condition == same else { return nil }
          if let field { destinations[field] = b } else { jumps.append((a, b)) }
        case (.call(let a?), .call(let b?)), (.special(let a?), .special(let b?)):
          guard instruction.mnemonic == other.mnemonic else { return nil }
          if let field { destinations[field] = b } else { jumps.append((a, b)) }
        default:
          guard instruction.count == other.count else { return nil }
          // An operand relative to the next instruction that no relocation made: a place inside the function.
          if let offset = instruction.relativeDisplacementOffset, !open.contains(range.lowerBound + offset) {
            guard let a = instruction.relativeTarget, let b = other.relativeTarget,
              instruction.bytes[..<offset] == other.bytes[..<offset],
              instruction.bytes[(offset + 4)...] == other.bytes[(offset + 4)...]
            else { return nil }
            jumps.append((a, b))
            continue
          }
          if let field { destinations[field] = other.relativeTarget }
          for (offset, pair) in zip(range, zip(instruction.bytes, other.bytes)) {
            guard pair.0 == pair.1 || open.contains(offset) else { return nil }
          }
        }
      }
      let (old, new) = (ordinals(left), ordinals(right))
      return jumps.allSatisfy { old[$0] != nil && old[$0] == new[$1] } ? destinations : nil
    }

    /// Which instruction each address means, padding not counted: a place of padding is that of what follows it.
    private static func ordinals(_ instructions: [Instruction]) -> [Address: Int] {
      var result: [Address: Int] = [:]
      var count = 0
      for instruction in instructions {
        result[instruction.address] = count
        if !instruction.isNoOperation { count += 1 }
      }
      return result
    }
  }
}
