package import ApusCore

extension X86_64 {
  /// Moves instructions to another place.
  package struct Relocator {
    private let decoder: Decoder

    /// A relocator that decodes with `decoder`.
    package init(_ decoder: Decoder) { self.decoder = decoder }

    /// Moves as many whole instructions as cover `minimumCount` bytes.
    ///
    /// - Parameters:
    ///   - code: bytes from the function's start up to a bound: what follows the function and is only padding (up to
    ///     the next symbol) may be included, and what is included may be overwritten. All of it that can be decoded in
    ///     order is searched for branches into the moved bytes; indirect jumps cannot be seen.
    ///   - address: where `code` starts.
    ///   - destination: where the result is to stand.
    ///   - minimumCount: how many bytes are wanted.
    package func relocate(
      _ code: [UInt8], at address: Address, to destination: Address, minimumCount: Int = 5
    ) throws(RelocationError) -> RelocatedCode {
      var output = Encoder()
      var moved: [Instruction] = []
      var result = RelocatedCode(bytes: [], originalCount: 0, continues: true, offsets: [], returnPoints: [])
      var taken = 0
      while taken < minimumCount, result.continues {
        let place = address &+ UInt64(taken)
        guard taken < code.count else {
          throw error(address, .tooShort(needed: minimumCount, available: taken))
        }
        let instruction = try decode(code[taken...], place)
        moved.append(instruction)
        result.offsets.append(.init(original: taken, relocated: output.count))
        try move(instruction, to: destination, into: &output)
        if case .call = instruction.flow { result.returnPoints.append(output.count) }
        taken += instruction.count
        if instruction.endsPath { result.continues = false }
      }
      if taken < minimumCount {
        taken += padding(code[taken...], address &+ UInt64(taken), upTo: minimumCount - taken)
        guard taken >= minimumCount else {
          throw error(address, .tooShort(needed: minimumCount, available: taken))
        }
      }
      if result.continues { result.offsets.append(.init(original: taken, relocated: output.count)) }
      result.originalCount = taken
      result.bytes = output.bytes
      try refuseBranches(
        into: AddressRange(address &+ 1, address &+ UInt64(taken)), moved, code, taken, address)
      return result
    }

    private func error(_ address: Address, _ reason: RelocationError.Reason) -> RelocationError {
      RelocationError(address: address, reason: reason)
    }

    private func decode(_ bytes: ArraySlice<UInt8>, _ address: Address) throws(RelocationError) -> Instruction
    {
      do throws(DecodingError) {
        return try decoder.decode(bytes, at: address)
      } catch {
        throw self.error(address, .undecodable)
      }
    }

    /// The instruction that stands here, or nil if none does.
    private func decoded(_ bytes: ArraySlice<UInt8>, _ address: Address) -> Instruction? {
      do throws(DecodingError) {
        return try decoder.decode(bytes, at: address)
      } catch {
        return nil
      }
    }

    /// How many bytes of no-operations, breakpoints and zeros stand here; at least `wanted` if there are so
    /// many.
    private func padding(_ code: ArraySlice<UInt8>, _ address: Address, upTo wanted: Int) -> Int {
      var count = 0
      while count < wanted, count < code.count {
        let rest = code.dropFirst(count)
        if rest.first == UInt8(truncatingIfNeeded: Opcode.breakpoint.rawValue) || rest.first == 0 {
          count += 1
          continue
        }
        // What cannot be decoded is not padding.
        guard let instruction = decoded(rest, address &+ UInt64(count)), instruction.isNoOperation else {
          break
        }
        count += instruction.count
      }
      return count
    }

    /// Looks at the moved and at the following instructions for direct branches into the slot's middle.
    private func refuseBranches(
      into middle: AddressRange, _ moved: [Instruction], _ code: [UInt8], _ taken: Int, _ address: Address
    ) throws(RelocationError) {
      func look(_ instruction: Instruction) throws(RelocationError) {
        let target: Address? =
          switch instruction.flow {
          case .jump(let target), .call(let target), .special(let target): target
          case .branch(_, let target): target
          case .next, .return, .trap: nil
          }
        if let target, middle.contains(target) {
          throw error(instruction.address, .branchIntoSlot(instruction.text, target))
        }
        // lea of a place in the slot: a jump table or a computed jump may go there.
        if let target = instruction.relativeTarget, middle.contains(target) {
          throw error(instruction.address, .branchIntoSlot(instruction.text, target))
        }
      }
      for instruction in moved { try look(instruction) }
      var offset = taken
      while offset < code.count {
        // Data between functions may not decode; what decodes up to there was looked at.
        guard let instruction = decoded(code[offset...], address &+ UInt64(offset)) else { return }
        try look(instruction)
        offset += instruction.count
      }
    }

    /// Writes one instruction as it has to be at `destination + output.count`.
    private func move(
      _ instruction: Instruction, to destination: Address, into output: inout Encoder
    ) throws(RelocationError) {
      let place = destination &+ UInt64(output.count)
      /// The distance from the end of an instruction of `size` bytes.
      func distance(_ target: Address, _ size: Int) throws(RelocationError) -> Int32 {
        let distance = Int64(bitPattern: target &- (place &+ UInt64(size)))
        guard let short = Int32(exactly: distance) else {
          throw error(instruction.address, .outOfRange(instruction.text, target))
        }
        return short
      }
      switch instruction.flow {
      case .jump(let target?): output.jump(near: try distance(target, 5))
      case .call(let target?): output.call(near: try distance(target, 5))
      case .branch(let condition, let target): output.branch(condition, near: try distance(target, 6))
      case .special, .trap: throw error(instruction.address, .immovable(instruction.text))
      case .next, .return, .jump(nil), .call(nil):
        var bytes = instruction.bytes
        if let target = instruction.relativeTarget, let offset = instruction.relativeDisplacementOffset {
          let value = UInt32(bitPattern: try distance(target, bytes.count))
          for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
        }
        output.append(bytes)
      }
    }
  }
}
