import ApusISA
import ApusProbe

extension PPC64LELowering {
  /// Saves what the region uses. A stub that is entered by a return has nothing to return to yet.
  mutating func prologue() {
    if program.role == .returnStub { returnAddress = .shadowMap(0) }
    row()
    saveAll()
  }

  /// Makes room for the register file and writes it; r0 alone is used, and has its value again afterwards.
  private mutating func writeRegisterFile() {
    code.storeUpdating(Memory(.r1, -frame.fileDistance), .r1)
    cfaOffset = Int32(frame.fileDistance)
    row()
    func place(_ slot: PPC64LE.RegisterFileSlot) -> Memory {
      Memory(.r1, PPC64LEFrame.fileOffset + Int16(slot.rawValue * 8))
    }
    for register in Register.allCases where register != .r1 {
      code.store(place(register.registerFileSlot), register, .eight)
    }
    code.addImmediate(.r0, .r1, frame.fileDistance)
    code.store(place(.r1), .r0, .eight)
    code.store(place(.orig_gpr3), .r3, .eight)
    for (slot, special) in PPC64LE.specialSlots {
      code.move(.r0, from: special)
      code.store(place(slot), .r0, .eight)
    }
    code.moveCondition(.r0)
    code.store(place(.ccr), .r0, .eight)
    code.constant(.r0, 0)
    for slot in PPC64LE.kernelSlots + [.nip] { code.store(place(slot), .r0, .eight) }
    code.load(.r0, place(.r0), .eight)
  }

  private mutating func saveAll() {
    if frame.fileDistance > 0 { writeRegisterFile() }
    for index in 0..<11 where frame.needs.saved & (1 << UInt16(index)) != 0 {
      code.store(Memory(.r1, frame.slot(1 << UInt16(index))), PPC64LEFrame.machine[index], .eight)
    }
    guard let index = conditionRegister else { return }
    code.moveCondition(PPC64LEFrame.machine[index], field: 0)
    code.store(Memory(.r1, frame.slot(PPC64LEFrame.conditionBit)), PPC64LEFrame.machine[index], .eight)
  }

  private mutating func restoreAll() {
    if let index = conditionRegister {
      code.load(PPC64LEFrame.machine[index], Memory(.r1, frame.slot(PPC64LEFrame.conditionBit)), .eight)
      code.moveCondition(field: 0, PPC64LEFrame.machine[index])
    }
    for index in 0..<11 where frame.needs.saved & (1 << UInt16(index)) != 0 {
      code.load(PPC64LEFrame.machine[index], Memory(.r1, frame.slot(1 << UInt16(index))), .eight)
    }
    guard frame.fileDistance > 0 else { return }
    code.addImmediate(.r1, .r1, frame.fileDistance)
    cfaOffset = 0
    row()
  }

  /// If the condition register is saved: a register through which that can be done. What compares has named one.
  private var conditionRegister: Int? {
    frame.needs.saved & PPC64LEFrame.conditionBit != 0 ? frame.firstSaved : nil
  }

  private mutating func relocation(_ target: CodeBlob.Relocation.Target) {
    relocations.append((mark, target))
  }

  /// Calls the body with everything as the caller left it, but for the return address, which is ours. What an unwinder that
  /// comes from the body finds at this call is that the shadow map has the caller's.
  mutating func callBody(_ index: Int) {
    restoreAll()
    returnAddress = .shadowMap(0)
    row()
    relocation(.body)
    code.call(0)
    returnPoints.append(mark)
    near = nil
    frame.needs = outline.needs(at: index + 1)
    saveAll()
  }

  /// Gives everything back and goes on with the body.
  mutating func jumpBody() {
    restoreAll()
    relocation(.body)
    code.jump(0)
    isReachable = false
  }

  /// Gives everything back but r12 and CTR, and goes on at the address in a register, which these then have: a function's global
  /// entry finds its TOC by r12 (ELFv2 ABI, 2.3.2.1).
  mutating func jump(to target: Register) {
    if frame.needs.saved & 1 != 0 {
      code.store(Memory(.r1, frame.slot(1)), target, .eight)
    } else {
      code.move(.r12, target)
    }
    restoreAll()
    code.move(to: .count, .r12)
    code.jumpThroughCount()
    isReachable = false
  }

  /// Gives everything back and returns.
  mutating func leave() {
    restoreAll()
    code.return()
    isReachable = false
  }

  /// Calls a routine: what the link register holds is kept in its slot meanwhile.
  mutating func call(_ symbol: ProbeSymbol) {
    let slot = Memory(.r1, frame.slot(PPC64LEFrame.linkBit))
    let held = returnAddress
    code.move(PPC64LEFrame.address, from: .link)
    code.store(slot, PPC64LEFrame.address, .eight)
    code.storeUpdating(Memory(.r1, -frame.byteCount), .r1)
    cfaOffset = Int32(frame.fileDistance) + Int32(frame.byteCount)
    row()
    relocation(.symbol(symbol))
    code.call(0)
    if held == .register(PPC64LE.returnAddressDwarfNumber) {
      returnAddress = .memory(Int32(slot.displacement) - Int32(frame.fileDistance))
    }
    row()
    code.addImmediate(.r1, .r1, frame.byteCount)
    cfaOffset = Int32(frame.fileDistance)
    row()
    code.load(PPC64LEFrame.address, slot, .eight)
    code.move(to: .link, PPC64LEFrame.address)
    returnAddress = held
    row()
    near = nil
  }
}
