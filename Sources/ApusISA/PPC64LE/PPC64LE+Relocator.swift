package import ApusCore

extension PPC64LE {
  /// Moves instructions to another place.
  package struct Relocator: Sendable {
    private let decoder = Decoder()

    package init() {}

    /// Moves as many whole instructions as cover `minimumCount` bytes.
    ///
    /// - Parameters:
    ///   - code: bytes from the function's start up to a bound: what follows the function and is only padding (up to
    ///     the next symbol) may be included, and what is included may be overwritten. All of it that can be decoded is
    ///     searched for branches into the moved bytes; branches through registers cannot be seen.
    ///   - address: where `code` starts; the bytes from there on are moved. (A function's global and local entries are two
    ///     places that are called: whoever moves from the global entry on must not move more than the code between them.)
    ///   - destination: where the result is to stand.
    ///   - minimumCount: how many bytes are wanted.
    package func relocate(
      _ code: [UInt8], at address: Address, to destination: Address, minimumCount: Int = 4
    ) throws(RelocationError) -> RelocatedCode {
      var output = Encoder()
      var moved: [Instruction] = []
      var result = RelocatedCode(bytes: [], originalCount: 0, continues: true, offsets: [], returnPoints: [])
      var taken = 0
      guard destination & 3 == 0 else { throw error(destination, .undecodable) }
      while taken < minimumCount, result.continues {
        let place = address &+ UInt64(taken)
        guard taken < code.count else {
          throw error(address, .tooShort(needed: minimumCount, available: taken))
        }
        guard let instruction = decoded(code[taken...], place) else { throw error(place, .undecodable) }
        moved.append(instruction)
        result.offsets.append(.init(original: taken, relocated: output.count))
        try move(instruction, to: destination, into: &output)
        if case .call = instruction.flow { result.returnPoints.append(output.count) }
        taken += instruction.count
        if instruction.endsPath { result.continues = false }
      }
      while taken < minimumCount {
        guard isPadding(code[taken...], address &+ UInt64(taken)) else {
          throw error(address, .tooShort(needed: minimumCount, available: taken))
        }
        taken += 4
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

    /// The instruction that stands here, or nil if none does that we know.
    private func decoded(_ bytes: ArraySlice<UInt8>, _ address: Address) -> Instruction? {
      do throws(DecodingError) {
        return try decoder.decode(bytes, at: address)
      } catch {
        return nil
      }
    }

    /// Whether a no-operation, a trap or zeros stand here.
    private func isPadding(_ code: ArraySlice<UInt8>, _ address: Address) -> Bool {
      if code.count >= 4, code.prefix(4).allSatisfy({ $0 == 0 }) { return true }
      guard let instruction = decoded(code, address) else { return false }
      return instruction.effect == .noOperation || instruction.flow == .trap
    }

    /// Looks at the moved and at the following instructions for direct branches into the slot's middle. What cannot be
    /// decoded may be data, and ends nothing: all instructions have one size.
    private func refuseBranches(
      into middle: AddressRange, _ moved: [Instruction], _ code: [UInt8], _ taken: Int, _ address: Address
    ) throws(RelocationError) {
      func look(_ instruction: Instruction) throws(RelocationError) {
        if let target = instruction.target, middle.contains(target) {
          throw error(instruction.address, .branchIntoSlot(instruction.text, target))
        }
        if case .addressOf(_, let target) = instruction.effect, middle.contains(target) {
          throw error(instruction.address, .branchIntoSlot(instruction.text, target))
        }
      }
      for instruction in moved { try look(instruction) }
      for offset in stride(from: taken, to: code.count, by: 4) {
        if let instruction = decoded(code[offset...], address &+ UInt64(offset)) { try look(instruction) }
      }
    }

    /// Writes one instruction as it has to be at `destination + output.count`.
    private func move(
      _ instruction: Instruction, to destination: Address, into output: inout Encoder
    ) throws(RelocationError) {
      /// The distance to a target from what is written next.
      func distance(_ target: Address) -> Int64 {
        Int64(bitPattern: target &- (destination &+ UInt64(output.count)))
      }
      /// The same for `b` and `bl`, which reach ±32 MiB (Power ISA, book I, 2.4).
      func far(_ target: Address) throws(RelocationError) -> Int32 {
        let distance = distance(target)
        guard (-0x200_0000..<0x200_0000).contains(distance) else {
          throw error(instruction.address, .outOfRange(instruction.text, target))
        }
        return Int32(truncatingIfNeeded: distance)
      }
      if case .addressOf(let register, let target) = instruction.effect {
        return output.constant(register, target)
      }
      switch instruction.flow {
      case .special, .trap: throw error(instruction.address, .immovable(instruction.text))
      case .call(let target?):
        // A conditional one links always, and is how code asks for its own address; so does a call of what follows.
        guard instruction.word >> 26 == Opcode.branch.rawValue, target != instruction.next else {
          throw error(instruction.address, .immovable(instruction.text))
        }
        if instruction.isAbsolute { return output.word(instruction.word) }
        output.call(try far(target))
      case .jump(let target?) where !instruction.isAbsolute: output.jump(try far(target))
      case .branch(let options, let bit, let target?) where !instruction.isAbsolute:
        if let short = Int16(exactly: distance(target)) {
          return output.branch(options: options, bit: bit, short)
        }
        // A condition together with the count has no opposite, so: taken, over a branch that goes on here.
        output.branch(options: options, bit: bit, 8)
        output.jump(8)
        output.jump(try far(target))
      case .next, .return, .call(nil), .jump, .branch: output.word(instruction.word)
      }
    }
  }
}
