package import ApusCore

extension X86_64.Instruction {
  /// What its operand that is relative to the next instruction means.
  fileprivate var relativePlace: Address? {
    guard let offset = relativeDisplacementOffset, offset + 4 <= bytes.count else { return nil }
    let distance = (0..<4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[offset + $1]) }
    return address &+ UInt64(bytes.count) &+ UInt64(bitPattern: Int64(Int32(bitPattern: distance)))
  }
}

extension X86_64 {
  /// Whether two pieces of code are the same but for how their jumps are encoded, and for padding.
  ///
  /// Assemblers choose between the short and the long form of a jump by what stands around it, so that a function assembled into a
  /// section of its own may have other lengths than among others.
  package enum RelaxedCode {
    /// - Parameters:
    ///   - open: offsets in `object` of bytes that a linker changes, and so are not compared.
    package static func isSame(_ object: [UInt8], _ linked: [UInt8], open: Set<Int>) -> Bool {
      guard let decoder = try? Decoder(), let left = try? decoder.decodeAll(object, at: 0),
        let right = try? decoder.decodeAll(linked, at: 0)
      else { return false }
      // Where each instruction of the object is in what was linked; and what jumps mean on both sides.
      var places: [Address: Address] = [:]
      var jumps: [(Address, Address)] = []
      var at = right[...]
      for (index, instruction) in left.enumerated() {
        if instruction.isNoOperation {
          places[instruction.address] = at.first?.address
          continue
        }
        at = at.drop { $0.isNoOperation }
        guard let other = at.popFirst() else { return false }
        places[instruction.address] = other.address
        // A place of padding is that of what follows it.
        for before in left[..<index].reversed() {
          guard before.isNoOperation else { break }
          places[before.address] = other.address
        }
        let range = Int(instruction.address)..<Int(instruction.address) + instruction.count
        let isOpen = range.contains { open.contains($0) }
        switch (instruction.flow, other.flow) {
        case (.jump(let a?), .jump(let b?)): if !isOpen { jumps.append((a, b)) }
        case (.branch(let condition, let a), .branch(let same, let b)):
          guard condition == same else { return false }
          if !isOpen { jumps.append((a, b)) }
        case (.call(let a?), .call(let b?)), (.special(let a?), .special(let b?)):
          guard instruction.mnemonic == other.mnemonic else { return false }
          if !isOpen { jumps.append((a, b)) }
        default:
          guard instruction.count == other.count else { return false }
          // An operand relative to the next instruction that no relocation made: a place inside the function.
          if let offset = instruction.relativeDisplacementOffset, !open.contains(range.lowerBound + offset) {
            guard let a = instruction.relativePlace, let b = other.relativePlace,
              instruction.bytes[..<offset] == other.bytes[..<offset],
              instruction.bytes[(offset + 4)...] == other.bytes[(offset + 4)...]
            else { return false }
            jumps.append((a, b))
            continue
          }
          for (offset, pair) in zip(range, zip(instruction.bytes, other.bytes)) {
            guard pair.0 == pair.1 || open.contains(offset) else { return false }
          }
        }
      }
      guard at.allSatisfy({ $0.isNoOperation }) else { return false }
      return jumps.allSatisfy { places[$0] == $1 }
    }
  }
}
