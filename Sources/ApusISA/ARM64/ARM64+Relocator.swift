package import ApusCore

extension ARM64 {
  /// Moves instructions to another place.
  ///
  /// Forms that do not reach from there become two instructions; what has no such form is refused. No register is changed
  /// that the instruction does not change itself.
  package struct Relocator: Sendable {
    private let decoder = Decoder()

    package init() {}

    /// Moves as many instructions as cover `minimumCount` bytes.
    ///
    /// - Parameters:
    ///   - code: bytes from the function's start up to a bound. All of it is searched for branches into the moved bytes;
    ///     indirect jumps cannot be seen.
    ///   - address: where `code` starts; a multiple of 4.
    ///   - destination: where the result is to stand; a multiple of 4.
    ///   - minimumCount: how many bytes are wanted.
    package func relocate(
      _ code: [UInt8], at address: Address, to destination: Address, minimumCount: Int = instructionSize
    ) throws(RelocationError) -> RelocatedCode {
      var output = Encoder()
      var moved: [Instruction] = []
      var result = RelocatedCode(bytes: [], originalCount: 0, continues: true, offsets: [], returnPoints: [])
      var taken = 0
      while taken < minimumCount, result.continues {
        guard taken + instructionSize <= code.count else {
          throw error(address, .tooShort(needed: minimumCount, available: code.count))
        }
        let place = address &+ UInt64(taken)
        guard let instruction = decoder.decode(code[taken...], at: place) else {
          throw error(place, .undecodable)
        }
        moved.append(instruction)
        result.offsets.append(.init(original: taken, relocated: output.count))
        try move(instruction, to: destination, into: &output)
        if instruction.isCall { result.returnPoints.append(output.count) }
        taken += instructionSize
        if instruction.endsPath { result.continues = false }
      }
      taken += padding(code, from: taken, to: minimumCount, address)
      guard taken >= minimumCount else {
        throw error(address, .tooShort(needed: minimumCount, available: taken))
      }
      if result.continues { result.offsets.append(.init(original: taken, relocated: output.count)) }
      result.originalCount = taken
      result.bytes = output.bytes
      // What refers to the first byte goes there still, and finds what stands there then.
      try refuseReferences(to: AddressRange(address &+ 1, address &+ UInt64(taken)), code, taken, address)
      return result
    }

    private func error(_ address: Address, _ reason: RelocationError.Reason) -> RelocationError {
      RelocationError(address: address, reason: reason)
    }

    /// How many bytes of no-operations and zeros stand here, as long as they are wanted.
    private func padding(_ code: [UInt8], from start: Int, to end: Int, _ address: Address) -> Int {
      var offset = start
      while offset < end, offset < code.count,
        let instruction = decoder.decode(code[offset...], at: address &+ UInt64(offset)),
        instruction.isNoOperation || instruction.word == 0
      {
        offset += instructionSize
      }
      return offset - start
    }

    /// Looks at all instructions for direct references into the slot's middle, and at the moved ones for data in the slot.
    private func refuseReferences(
      to middle: AddressRange, _ code: [UInt8], _ taken: Int, _ address: Address
    ) throws(RelocationError) {
      for instruction in decoder.decodeAll(code, at: address) {
        guard let target = instruction.relativeTarget else { continue }
        let isData = if case .literal = instruction.kind { true } else { false }
        let place = instruction.address &- address
        if middle.contains(target) || isData && place < UInt64(taken) && target == address {
          throw error(instruction.address, .branchIntoSlot(instruction.text, target))
        }
      }
    }

    /// Writes one instruction as it has to be at `destination + output.count`.
    private func move(
      _ instruction: Instruction, to destination: Address, into output: inout Encoder
    ) throws(RelocationError) {
      /// The distance from the next instruction that is written, if it fits.
      func distance(_ target: Address, _ width: Int) -> Int? {
        let distance = Int64(bitPattern: target &- (destination &+ UInt64(output.count)))
        return branchReaches(distance, width: width) ? Int(distance) : nil
      }
      func mustReach(_ target: Address) throws(RelocationError) -> Int {
        guard let distance = distance(target, Reach.branch) else {
          throw error(instruction.address, .outOfRange(instruction.text, target))
        }
        return distance
      }
      switch instruction.kind {
      case .other, .hint, .move, .stack, .return, .jumpRegister, .callRegister: output.word(instruction.word)
      case .trap, .unknown: throw error(instruction.address, .immovable(instruction.text))
      case .jump(let target): output.jump(try mustReach(target))
      case .call(let target): output.call(try mustReach(target))
      case .branch(let condition, let target):
        if let near = distance(target, Reach.conditional) { return output.branch(condition, near) }
        if let inverted = condition.inverted { output.branch(inverted, 2 * instructionSize) }
        output.jump(try mustReach(target))
      case .compareZero(let register, let isNotZero, let wide, let target):
        if let near = distance(target, Reach.conditional) {
          return output.compareZero(register, isNotZero: isNotZero, wide: wide, near)
        }
        output.compareZero(register, isNotZero: !isNotZero, wide: wide, 2 * instructionSize)
        output.jump(try mustReach(target))
      case .testBit(let register, let bit, let isSet, let target):
        if let near = distance(target, Reach.testBit) {
          return output.testBit(register, bit, isSet: isSet, near)
        }
        output.testBit(register, bit, isSet: !isSet, 2 * instructionSize)
        output.jump(try mustReach(target))
      case .address(let register, let target, _):
        address(register, target, at: destination &+ UInt64(output.count), &output)
      case .literal(let literal, let number, let target):
        if let near = distance(target, Reach.conditional) { return output.loadLiteral(literal, number, near) }
        guard load(literal, Register(number: UInt32(number)), target, destination, &output) else {
          throw error(instruction.address, .outOfRange(instruction.text, target))
        }
      }
    }

    /// The shortest way to an address: one instruction, or a page and what is in it, or a constant.
    private func address(
      _ register: Register, _ target: Address, at place: Address, _ output: inout Encoder
    ) {
      let distance = Int64(bitPattern: target &- place)
      if fits(distance, 21) { return output.address(register, Int(distance)) }
      let pages = Int64(bitPattern: (target & ~0xfff) &- (place & ~0xfff)) >> 12
      // The zero register as a destination of adr would be the stack pointer in add.
      guard fits(pages, 21), register != .zero else { return output.constant(register, target) }
      output.addressOfPage(register, Int(pages))
      if target & 0xfff != 0 { output.add(register, register, UInt16(target & 0xfff)) }
    }

    /// A load of a literal that is far away, by way of the register that is loaded; false if there is none.
    private func load(
      _ literal: Literal, _ register: Register, _ target: Address, _ destination: Address,
      _ output: inout Encoder
    ) -> Bool {
      switch literal {
      // Only a hint to the caches.
      case .prefetch: output.hint(.noOperation)
      case .word, .doubleword, .signedWord:
        // Of a load into the zero register nothing is left but a fault, if there is one.
        guard register != .zero else { return false }
        address(register, target, at: destination &+ UInt64(output.count), &output)
        switch literal {
        case .word: output.load(register, register, 0, .four)
        case .doubleword: output.load(register, register, 0, .eight)
        default: output.loadSignedWord(register, register)
        }
      case .vector4, .vector8, .vector16: return false
      }
      return true
    }
  }
}
