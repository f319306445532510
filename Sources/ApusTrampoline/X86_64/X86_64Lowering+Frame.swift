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
    if frame.fileBytes > 0 { writeRegisterFile() }
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
    guard frame.fileBytes > 0 else { return }
    code.loadEffectiveAddress(.rsp, Memory(.rsp, frame.fileBytes))
    cfaOffset -= frame.fileBytes
    row()
  }

  /// Makes room for the register file and writes it; rax alone is used, and has its value again afterwards. No instruction
  /// before `pushfq` changes a flag.
  private mutating func writeRegisterFile() {
    code.loadEffectiveAddress(.rsp, Memory(.rsp, -frame.fileBytes))
    cfaOffset += frame.fileBytes
    row()
    func place(_ slot: X86_64.RegisterFileSlot) -> Memory { Memory(.rsp, Int32(slot.rawValue * 8)) }
    for register in Register.allCases where register != .rsp {
      code.store(place(register.registerFileSlot), register, .eight)
    }
    code.store(place(.orig_rax), immediate: -1)
    code.store(place(.rip), immediate: 0)
    code.loadEffectiveAddress(.rax, Memory(.rsp, frame.fileBytes))
    code.store(place(.rsp), .rax, .eight)
    code.move(.rax, .code)
    code.store(place(.cs), .rax, .eight)
    code.move(.rax, .stack)
    code.store(place(.ss), .rax, .eight)
    code.pushFlags()
    cfaOffset += 8
    row()
    code.pop(.rax)
    cfaOffset -= 8
    row()
    code.store(place(.eflags), .rax, .eight)
    code.load(.rax, place(.rax), .eight)
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

  /// Gives everything back and goes on at the address in a register. It is kept below the frame address meanwhile, where
  /// signal handlers leave 128 bytes alone (System V ABI, 3.2.2): in the word that the register file does not need, which it
  /// has for alignment, or else below what is pushed, 72 bytes at most.
  mutating func jump(to target: Register) {
    let hasSpare = frame.fileBytes > Int32(X86_64.registerFile.recorded * 8)
    let distance = hasSpare ? 8 : frame.byteCount + 8
    code.store(Memory(.rsp, frame.byteCount - distance), target, .eight)
    popAll()
    code.jump(through: Memory(.rsp, -distance))
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
