import ApusISA
import ApusProbe

extension ARM64Lowering {
  private static let inLink = CFIRow.ReturnAddress.register(ARM64.returnAddressDwarfNumber)

  /// Where the return address is while the frame stands.
  private var inFrame: CFIRow.ReturnAddress { frame.hasLink ? .memory(frame.linkFromCFA) : Self.inLink }

  /// Stores what the region uses. A body that has returned left the return address in the shadow map.
  mutating func prologue() {
    if program.role == .returnStub { returnAddress = .shadowMap(0) }
    if program.role.isShared { returnAddress = .register(9) }
    row()
    save(entering: true)
  }

  /// Shared stubs: the body's address into a register.
  mutating func loadBody(_ d: Register) {
    let place = frame.registers.firstIndex(of: ARM64Frame.siteLink) ?? 0
    code.load(d, .sp, UInt32(8 * place), .eight)
  }

  /// At a shared stub's entry x9 and the link register are put into each other's places: the caller's return address is then where it
  /// is in any stub, and x9 will be given back as the body's address.
  private mutating func save(entering: Bool = false) {
    var registers = frame.registers
    if entering, program.role.isShared {
      registers = registers.map {
        switch $0 {
        case .link: ARM64Frame.siteLink
        case ARM64Frame.siteLink: .link
        default: $0
        }
      }
    }
    known = nil
    if frame.fileBytes > 0 { writeRegisterFile() }
    guard let first = registers.first else { return }
    if registers.count > 1 {
      code.storePair(first, registers[1], .sp, -frame.keptBytes, .before)
    } else {
      code.storeBefore(first, .sp, -frame.keptBytes)
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

  /// Makes room for the register file and writes it; x0 alone is used, and has its value again afterwards.
  private mutating func writeRegisterFile() {
    code.subtract(.sp, .sp, UInt16(frame.fileBytes))
    cfaOffset = frame.fileBytes
    row()
    func place(_ slot: ARM64.RegisterFileSlot) -> UInt32 { UInt32(slot.rawValue * 8) }
    let numbered = Register.numbered
    for index in stride(from: 0, to: numbered.count - 1, by: 2) {
      code.storePair(numbered[index], numbered[index + 1], .sp, Int32(8 * index), .offset)
    }
    code.store(.x30, .sp, place(.x30), .eight)
    code.add(.x0, .sp, UInt16(frame.fileBytes))
    code.store(.x0, .sp, place(.sp), .eight)
    code.store(.zero, .sp, place(.pc), .eight)
    code.readFlags(.x0)
    code.store(.x0, .sp, place(.pstate), .eight)
    code.load(.x0, .sp, place(.x0), .eight)
  }

  /// The reverse of `save`. Where the return address is in the frame, it is in the link register afterwards.
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
      code.loadPair(first, registers[1], .sp, frame.keptBytes, .after)
    } else {
      code.loadAfter(first, .sp, frame.keptBytes)
    }
    cfaOffset = frame.fileBytes
    if case .memory = returnAddress { returnAddress = Self.inLink }
    row()
    guard frame.fileBytes > 0 else { return }
    code.add(.sp, .sp, UInt16(frame.fileBytes))
    cfaOffset = 0
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
    if program.role.isShared {
      // Two instructions on.
      code.address(.link, 2 * ARM64.instructionSize)
      returnAddress = .shadowMap(0)
      row()
      code.return(ARM64Frame.siteLink)
    } else {
      returnAddress = .shadowMap(0)
      row()
      relocations.append((mark, .body))
      code.call(0)
    }
    returnPoints.append(mark)
    frame = ARM64Frame(outline.needs(at: index + 1), isShared: program.role.isShared)
    save()
  }

  /// Gives everything back and goes on with the body.
  mutating func jumpBody() {
    restore()
    if program.role.isShared {
      code.return(ARM64Frame.siteLink)
    } else {
      relocations.append((mark, .body))
      code.jump(0)
    }
    isReachable = false
  }

  /// Gives everything back but x17, and goes on at the address in a register, which x17 then has. That is the register in which
  /// a linker's veneer may have it (AAPCS64, 6.1.1), and a function's landing pad admits branches through it.
  mutating func jump(to target: Register) {
    if let place = frame.registers.firstIndex(of: .x17) {
      code.store(target, .sp, UInt32(8 * place), .eight)
    } else {
      code.move(.x17, target)
    }
    restore()
    code.jump(through: .x17)
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
