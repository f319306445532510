import ApusISA
import ApusProbe

extension X86_64Lowering {
  /// Pushes what the region uses, after making room where a returning body left none.
  mutating func prologue() {
    if program.role == .returnStub {
      cfaOffset = 0
      returnAddress = .shadowMap(-8)
      row()
      makeRoom()
    } else {
      row()
    }
    pushAll()
  }

  /// Room for the return address.
  private mutating func makeRoom() {
    code.loadEffectiveAddress(.rsp, Memory(.rsp, -8))
    cfaOffset = 8
    row()
  }

  private mutating func pushAll() {
    for index in 0..<9 where frame.saved & (1 << UInt16(index)) != 0 {
      code.push(X86_64Frame.machine[index])
      cfaOffset += 8
      row()
    }
  }

  private mutating func popAll() {
    for index in (0..<9).reversed() where frame.saved & (1 << UInt16(index)) != 0 {
      code.pop(X86_64Frame.machine[index])
      cfaOffset -= 8
      row()
    }
  }

  /// Calls the body with the stack as the caller left it, but for the return address, which is ours.
  mutating func callBody(_ index: Int) {
    popAll()
    code.loadEffectiveAddress(.rsp, Memory(.rsp, 8))
    cfaOffset = 0
    returnAddress = .shadowMap(-8)
    row()
    code.call(near: 0)
    relocations.append((Mark(position: code.count - 4, branches: branches.count), .body))
    returnPoints.append(mark)
    frame = X86_64Frame(outline.needs(at: index + 1))
    makeRoom()
    pushAll()
  }

  /// Gives everything back and goes on with the body.
  mutating func jumpBody() {
    popAll()
    code.jump(near: 0)
    relocations.append((Mark(position: code.count - 4, branches: branches.count), .body))
    isReachable = false
  }

  /// Gives everything back and returns.
  mutating func leave() {
    popAll()
    code.return()
    isReachable = false
  }

  mutating func call(_ symbol: ProbeSymbol) {
    code.call(near: 0)
    relocations.append((Mark(position: code.count - 4, branches: branches.count), .symbol(symbol)))
  }
}
