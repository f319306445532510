import ApusISA
import ApusProbe

extension ARM64Lowering {
  private var addressRegister: Register { ARM64Frame.address }

  /// Where an access goes: what the instruction names.
  enum Place {
    case offset(Register, Int32)
    case index(Register, Register)
  }

  /// Makes a place addressable. What is too far from its base goes through ``ARM64Frame/address``, which is remembered: the
  /// next access to that page needs nothing; or, if given, through `temporary`, which may be the base's own register.
  mutating func reach(_ place: ProbeAddress, _ width: ProbeWidth, temporary: Register? = nil) -> Place {
    let base = machine(place.base)
    switch ARM64Displacement(place.offset, width) {
    case .near: return .offset(base, place.offset)
    case .page(let page):
      let rest = place.offset - page
      let wanted = ProbeAddress(place.base, page)
      if known == wanted { return .offset(addressRegister, rest) }
      let register = temporary ?? addressRegister
      add(register, base, page)
      if temporary == nil { known = wanted }
      return .offset(register, rest)
    case .index:
      let register = temporary ?? addressRegister
      if temporary == nil { known = nil }
      code.constant(register, UInt64(bitPattern: Int64(place.offset)))
      return .index(base, register)
    }
  }

  /// A register that holds the very address: for instructions that have no displacement.
  mutating func exact(_ place: ProbeAddress) -> Register {
    let base = machine(place.base)
    if place.offset == 0 { return base }
    if known == place { return addressRegister }
    if !add(addressRegister, base, place.offset) {
      let page = place.offset & ~0xfff
      if add(addressRegister, base, page) {
        add(addressRegister, addressRegister, place.offset - page)
      } else {
        code.constant(addressRegister, UInt64(bitPattern: Int64(place.offset)))
        code.add(addressRegister, base, addressRegister)
      }
    }
    known = place
    return addressRegister
  }

  /// `destination = source + offset` in one instruction; false, and nothing, if it takes more.
  @discardableResult
  private mutating func add(_ destination: Register, _ source: Register, _ offset: Int32) -> Bool {
    guard let (bits, high) = ARM64Immediate.twelve(offset.magnitude) else { return false }
    if offset < 0 {
      code.subtract(destination, source, bits, high: high)
    } else {
      code.add(destination, source, bits, high: high)
    }
    return true
  }

  mutating func load(_ d: Register, _ place: Place, _ width: ProbeWidth) {
    switch place {
    case .offset(let base, let offset) where ARM64Displacement.isScaled(offset, width):
      code.load(d, base, UInt32(offset), width.arm64)
    case .offset(let base, let offset): code.load(d, base, unscaled: offset, width.arm64)
    case .index(let base, let index): code.load(d, base, index: index, width.arm64)
    }
  }

  mutating func store(_ s: Register, _ place: Place, _ width: ProbeWidth) {
    switch place {
    case .offset(let base, let offset) where ARM64Displacement.isScaled(offset, width):
      code.store(s, base, UInt32(offset), width.arm64)
    case .offset(let base, let offset): code.store(s, base, unscaled: offset, width.arm64)
    case .index(let base, let index): code.store(s, base, index: index, width.arm64)
    }
  }

  /// A 64-bit operand in memory into a register that no probe register has.
  mutating func loadOperand(_ d: Register, _ place: ProbeAddress) {
    let place = reach(place, .eight, temporary: d)
    load(d, place, .eight)
  }

  // MARK: Atomic operations

  /// Adds to memory. A local operation needs no order; an exception (so a signal's delivery too) clears the exclusive
  /// monitor (Arm ARM, B2.12), and the loop begins again.
  mutating func addToMemory(_ place: ProbeAddress, _ operand: ProbeOperand, atomic: Bool) {
    let value = ARM64Frame.value
    let status = ARM64Frame.status
    let address = exact(place)
    if atomic { code.fence() }
    let again = code.count
    // The status of the store goes where the operand was, so each round fetches it anew.
    switch operand {
    case .register: break
    case .immediate(let amount): constant(status, UInt64(bitPattern: Int64(amount)))
    case .memory(let source): loadOperand(status, source)
    }
    code.loadExclusive(value, address, acquire: atomic)
    if case .register(let s) = operand {
      code.add(value, value, machine(s))
    } else {
      code.add(value, value, status)
    }
    code.storeExclusive(status, value, address, release: atomic)
    code.compareZero(status, isNotZero: true, wide: false, again - code.count)
    if atomic { code.fence() }
  }

  /// Compares and exchanges; goes to the label if memory holds something else. Atomic ones are full fences whether they
  /// succeed or fail: the load is an acquire, and a fence stands before it.
  mutating func compareExchange(
    _ place: ProbeAddress, _ expected: ProbeRegister, _ desired: ProbeRegister, atomic: Bool, to label: Int
  ) {
    let value = ARM64Frame.value
    let address = exact(place)
    if atomic { code.fence() }
    let again = newLabel()
    code.loadExclusive(value, address, acquire: atomic)
    code.compare(value, machine(expected))
    branch(.flags(.notEqual), to: label)
    // The status takes the place of the value.
    code.storeExclusive(value, machine(desired), address, release: true)
    branch(.notZero(value), to: again)
    if atomic { code.fence() }
  }
}

extension ProbeWidth {
  var arm64: ARM64.Width {
    switch self {
    case .one: .one
    case .two: .two
    case .four: .four
    case .eight: .eight
    }
  }
}
