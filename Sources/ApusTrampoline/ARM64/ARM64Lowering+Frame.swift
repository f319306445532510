import ApusISA
import ApusProbe

extension ARM64Lowering {
  private static let inLink = CFIRow.ReturnAddress.register(ARM64.returnAddressDwarfNumber)

  /// Where the return address is while the frame stands.
  private var inFrame: CFIRow.ReturnAddress { frame.hasLink ? .memory(frame.linkFromCFA) : Self.inLink }

  /// Stores what the region uses. A body that has returned left the return address in the shadow map.
  mutating func prologue() {
    if program.role == .returnStub { returnAddress = .shadowMap(0) }
    row()
    save()
  }

  private mutating func save() {
    let registers = frame.registers
    known = nil
    guard let first = registers.first else { return }
    if registers.count > 1 {
      code.storePair(first, registers[1], .sp, -frame.byteCount, .before)
    } else {
      code.storeBefore(first, .sp, -frame.byteCount)
    }
    cfaOffset = frame.byteCount
    if case .register = returnAddress { returnAddress = inFrame }
    row()
    for index in stride(from: 2, to: registers.count, by: 2) {
      if index + 1 < registers.count {
        code.storePair(registers[index], registers[index + 1], .sp, Int32(8 * index), .offset)
      } else {
        code.store(registers[index], .sp, UInt32(8 * index), .eight)
      }
    }
  }

  /// The reverse. Where the return address is in the frame, it is in the link register afterwards.
  private mutating func restore() {
    let registers = frame.registers
    guard let first = registers.first else { return }
    for index in stride(from: 2, to: registers.count, by: 2).reversed() {
      if index + 1 < registers.count {
        code.loadPair(registers[index], registers[index + 1], .sp, Int32(8 * index), .offset)
      } else {
        code.load(registers[index], .sp, UInt32(8 * index), .eight)
      }
    }
    if registers.count > 1 {
      code.loadPair(first, registers[1], .sp, frame.byteCount, .after)
    } else {
      code.loadAfter(first, .sp, frame.byteCount)
    }
    cfaOffset = 0
    if case .memory = returnAddress { returnAddress = Self.inLink }
    row()
  }

  /// The caller's return address into a register.
  mutating func loadReturnAddress(_ d: Register) {
    if frame.hasLink {
      code.load(d, .sp, ARM64Frame.linkOffset, .eight)
    } else {
      code.move(d, .link)
    }
  }

  /// A register into the caller's return address.
  mutating func storeReturnAddress(_ s: Register) {
    if frame.hasLink {
      code.store(s, .sp, ARM64Frame.linkOffset, .eight)
    } else {
      code.move(.link, s)
    }
    returnAddress = inFrame
    row()
  }

  /// Calls the body with the stack as the caller left it. What an unwinder that comes from the body finds at this call is
  /// that the shadow map has the return address.
  mutating func callBody(_ index: Int) {
    restore()
    returnAddress = .shadowMap(0)
    row()
    relocations.append((mark, .body))
    code.call(0)
    returnPoints.append(mark)
    frame = ARM64Frame(outline.needs(at: index + 1))
    save()
  }

  /// Gives everything back and goes on with the body.
  mutating func jumpBody() {
    restore()
    relocations.append((mark, .body))
    code.jump(0)
    isReachable = false
  }

  /// Gives everything back and returns.
  mutating func leave() {
    restore()
    code.return()
    isReachable = false
  }

  mutating func call(_ symbol: ProbeSymbol) {
    relocations.append((mark, .symbol(symbol)))
    code.call(0)
    known = nil
  }
}
