package import ApusCore
package import ApusELF

/// Links a module's part of a patch: from sections and relocations to the bytes at an address.
///
/// It is a pure function of the patch, the place and what the undefined symbols are. First ``init(_:module:)`` lays out, which says how
/// much memory is needed; then ``link(at:_:)`` for the place that was found.
package struct PatchLinker: Sendable {
  package let layout: LinkLayout
  private let patch: PatchObject
  private let module: Int
  /// By symbol: what undefined symbols of another module are called for.
  private let imported: Set<Int>

  package init(_ patch: PatchObject, module: Int) throws(LinkError) {
    self.patch = patch
    self.module = module
    layout = try LinkLayout(patch, module: module)
    imported = patch.foreignSymbols(of: module)
  }

  /// Links.
  ///
  /// - Parameter bindings: of undefined symbols, by number. One that is weak may have none; it is 0 then. `.TOC.` and
  ///   `_GLOBAL_OFFSET_TABLE_` are this linker's own. What other parts of the patch define is to be bound to where it is.
  package func link(
    at placement: LinkPlacement, _ bindings: [Int: LinkBinding]
  ) throws(LinkError) -> LinkedPatch {
    guard placement.base % layout.alignment == 0 else {
      throw .misplaced(placement.base, alignment: layout.alignment)
    }
    let table = placement.base &+ layout.table
    let context = Context(
      patch: patch, layout: layout, placement: placement, table: table,
      toc: placement.toc ?? table &+ 0x8000, bindings: bindings, imported: imported)
    return try context.link()
  }
}

/// One linking.
private struct Context {
  let patch: PatchObject
  let layout: LinkLayout
  let placement: LinkPlacement
  let table: Address
  let toc: Address
  let bindings: [Int: LinkBinding]
  let imported: Set<Int>

  /// What a symbol is.
  private enum Meaning {
    case address(Address, other: UInt8, isForeignCode: Bool = false)
    case threadLocal(UInt64, block: Int64?, moduleNumber: UInt64?)
  }

  private var architecture: Architecture { patch.architecture }

  func link() throws(LinkError) -> LinkedPatch {
    var result = LinkedPatch(
      base: placement.base, bytes: [UInt8](repeating: 0, count: Int(layout.size)), words: [], addresses: [:])
    if let code = layout.ranges[.code], architecture == .x86_64 {
      for offset in code { result.bytes[Int(offset)] = 0xcc }
    }
    for (number, offset) in layout.sections where !patch.sections[number].bytes.isEmpty {
      let bytes = patch.sections[number].bytes
      result.bytes.replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
    }
    for (number, symbol) in patch.symbols.enumerated() {
      if let section = symbol.section, let offset = layout.sections[section] {
        result.addresses[number] = placement.base &+ offset &+ symbol.value
      }
    }
    for (number, offset) in layout.sections.sorted(by: { $0.key < $1.key }) {
      for relocation in patch.sections[number].relocations {
        try carryOut(relocation, patch.sections[number], offset, &result)
      }
    }
    for (slot, offset) in layout.slots.sorted(by: { $0.value < $1.value }) { try fill(slot, offset, &result) }
    result.words.sort { $0.offset < $1.offset }
    return result
  }

  // MARK: Symbols

  private func meaning(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> Meaning {
    let symbol = patch.symbols[number]
    switch symbol.place {
    case .section(let section):
      guard let offset = layout.sections[section] else {
        // Another module's part.
        switch bindings[number] {
        case .address(let address, let other), .function(let address, let other):
          return .address(address, other: other)
        default: break
        }
        throw .relocation(place(), .unbound)
      }
      return .address(placement.base &+ offset &+ symbol.value, other: symbol.other)
    case .absolute: return .address(symbol.value, other: symbol.other)
    case .common, .other: throw .symbol(symbol.name, "it is in no section")
    case .undefined: break
    }
    if number == 0 { return .address(0, other: 0) }
    switch symbol.name {
    case ".TOC.": return .address(toc, other: 0)
    case "_GLOBAL_OFFSET_TABLE_": return .address(table, other: 0)
    default: break
    }
    switch bindings[number] {
    case .address(let address, let other): return .address(address, other: other)
    case .function(let address, let other):
      return .address(address, other: other, isForeignCode: imported.contains(number))
    case .threadLocal(let offset):
      return .threadLocal(offset, block: placement.threadBlock, moduleNumber: placement.moduleNumber)
    case .foreignThreadLocal(let offset, let block, let moduleNumber):
      return .threadLocal(offset, block: block, moduleNumber: moduleNumber)
    case nil:
      guard symbol.binding == .weak else { throw .relocation(place(), .unbound) }
      return .address(0, other: 0)
    }
  }

  private func address(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> Address {
    guard case .address(let address, _, _) = try meaning(number, place()) else {
      throw .relocation(place(), .kind)
    }
    return address
  }

  /// An address that code has in less than 64 bits: a veneer's, of another module's function.
  private func nearAddress(_ relocation: ELFRelocation, _ place: LinkPlace) throws(LinkError) -> Address {
    let number = Int(relocation.symbol)
    guard case .address(let address, _, let isForeignCode) = try meaning(number, place) else {
      throw .relocation(place, .kind)
    }
    // (A weak symbol's address is compared with 0.)
    guard isForeignCode, architecture != .ppc64le, patch.symbols[number].binding != .weak,
      let veneer = layout.veneers[LinkSlot(symbol: number, addend: 0, content: .address)]
    else { return address }
    return placement.base &+ veneer
  }

  private typealias ThreadLocal = (offset: UInt64, block: Int64?, moduleNumber: UInt64?)

  private func threadLocal(
    _ number: Int, _ place: @autoclosure () -> LinkPlace
  ) throws(LinkError) -> ThreadLocal {
    guard case .threadLocal(let offset, let block, let moduleNumber) = try meaning(number, place()) else {
      throw .relocation(place(), .kind)
    }
    return (offset, block, moduleNumber)
  }

  private func blockOffset(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> UInt64 {
    try threadLocal(number, place()).offset
  }

  private func threadOffset(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> UInt64
  {
    let variable = try threadLocal(number, place())
    guard let block = variable.block else { throw .relocation(place(), .noThreadOffset) }
    return UInt64(bitPattern: block) &+ variable.offset
  }

  /// What `__tls_get_addr` adds to an offset, taken away (ELFv2, 3.7.3.3).
  private var blockBias: UInt64 { architecture == .ppc64le ? 0x8000 : 0 }

  // MARK: Slots

  private func fill(_ slot: LinkSlot, _ offset: UInt64, _ result: inout LinkedPatch) throws(LinkError) {
    let place = LinkPlace(
      section: ".got", offset: offset &- layout.table, relocation: "slot",
      symbol: patch.symbols[slot.symbol].name,
      addend: slot.addend)
    let addend = UInt64(bitPattern: slot.addend)
    var words: [UInt64] = []
    switch slot.content {
    case .address: words = [try address(slot.symbol, place) &+ addend]
    case .threadOffset: words = [try threadOffset(slot.symbol, place) &+ addend]
    case .blockOffset: words = [try blockOffset(slot.symbol, place) &+ addend &- blockBias]
    case .variable:
      let variable = try threadLocal(slot.symbol, place)
      guard let number = variable.moduleNumber else { throw .relocation(place, .noModuleNumber) }
      words = [number, variable.offset &+ addend &- blockBias]
    case .block:
      guard let number = placement.moduleNumber else { throw .relocation(place, .noModuleNumber) }
      words = [number, 0]
    }
    for (index, word) in words.enumerated() {
      put(word, 64, at: 0, of: 8, Int(offset) + 8 * index, &result.bytes)
    }
    if slot.symbol != 0 || slot.content == .block {
      result.words.append(
        LinkedPatch.Word(offset: offset, symbol: slot.symbol, addend: slot.addend, content: slot.content))
    }
  }

  // MARK: Relocations

  private func carryOut(
    _ relocation: ELFRelocation, _ section: ObjectSection, _ start: UInt64, _ result: inout LinkedPatch
  ) throws(LinkError) {
    let place = patch.place(of: relocation, in: section)
    guard let rule = architecture.relocationRule(relocation.type) else {
      throw .relocation(place, .unknownType)
    }
    let width = Self.width(rule, architecture)
    guard relocation.offset <= UInt64(section.bytes.count),
      UInt64(section.bytes.count) - relocation.offset >= width
    else { throw .relocation(place, .beyondSection) }
    let offset = start + relocation.offset
    let here = placement.base &+ offset
    let number = Int(relocation.symbol)
    let addend = UInt64(bitPattern: relocation.addend)
    func slotAddress() throws(LinkError) -> Address {
      guard let slot = patch.slot(of: relocation, rule), let offset = layout.slots[slot] else {
        throw .relocation(place, .unbound)
      }
      return placement.base &+ offset
    }
    let value: UInt64
    switch rule.value {
    case .nothing: return
    case .absolute:
      let isWide = rule.field == .bits(64, at: 0, of: 8)
      value = try (isWide ? address(number, place) : nearAddress(relocation, place)) &+ addend
      if isWide, number != 0 {
        result.words.append(
          LinkedPatch.Word(offset: offset, symbol: number, addend: relocation.addend, content: .address))
      }
    case .relative: value = try nearAddress(relocation, place) &+ addend &- here
    case .branch: value = try branch(relocation, section, rule, place, offset, &result)
    case .page: value = Self.page(try nearAddress(relocation, place) &+ addend) &- Self.page(here)
    // (Slots' own addends are in the slots but on x86-64, where they count from the place.)
    case .slot: value = try slotAddress() &+ (architecture == .x86_64 ? addend : 0) &- here
    case .slotPage: value = Self.page(try slotAddress()) &- Self.page(here)
    case .slotAddress: value = try slotAddress()
    case .slotFromTablePage: value = try slotAddress() &- Self.page(table)
    case .slotFromTOC: value = try slotAddress() &- toc
    case .slotFromTable: value = try slotAddress() &+ addend &- table
    case .fromTOC: value = try address(number, place) &+ addend &- toc
    case .tableOfContents: value = toc &+ addend
    case .table: value = table &+ addend &- here
    case .fromTable: value = try address(number, place) &+ addend &- table
    case .size: value = patch.symbols[number].size &+ addend
    case .threadOffset: value = try threadOffset(number, place) &+ addend
    case .blockOffset: value = try blockOffset(number, place) &+ addend &- blockBias
    case .descriptor(let step):
      return try rewrite(step, relocation, rule, place, Int(offset), &result.bytes)
    }
    let signed = Int64(bitPattern: value)
    guard signed & (rule.alignment - 1) == 0 else {
      throw .relocation(place, .misaligned(signed, to: rule.alignment))
    }
    let rounded = signed &+ rule.rounding
    guard rule.range.contains(rounded) else { throw .relocation(place, .outOfRange(signed)) }
    let bits = UInt64(bitPattern: rounded >> Int64(rule.shift))
    switch rule.field {
    case .none: break
    case .bits(let count, let at, let bytes): put(bits, count, at: at, of: bytes, Int(offset), &result.bytes)
    case .splitImmediate:
      put(bits, 2, at: 29, of: 4, Int(offset), &result.bytes)
      put(bits >> 2, 19, at: 5, of: 4, Int(offset), &result.bytes)
    case .signedMove:
      put(rounded < 0 ? ~bits : bits, 16, at: 5, of: 4, Int(offset), &result.bytes)
      // Bits 29 and 30 are the operation: movn is 0, movz 2.
      put(rounded < 0 ? 0 : 2, 2, at: 29, of: 4, Int(offset), &result.bytes)
    }
  }

  private static func page(_ address: Address) -> Address { address & ~0xfff }

  /// The bytes that a field takes.
  private static func width(_ rule: RelocationRule, _ architecture: Architecture) -> UInt64 {
    if case .descriptor(let step) = rule.value { return architecture == .x86_64 && step == .call ? 2 : 4 }
    return switch rule.field {
    case .none: 0
    case .bits(_, _, let bytes): UInt64(bytes)
    case .splitImmediate, .signedMove: 4
    }
  }

  private func put(
    _ value: UInt64, _ count: Int, at bit: Int, of bytes: Int, _ offset: Int, _ output: inout [UInt8]
  ) {
    var word: UInt64 = 0
    for index in (0..<bytes).reversed() { word = word << 8 | UInt64(output[offset + index]) }
    let mask: UInt64 = (count == 64 ? ~0 : (1 << UInt64(count)) - 1) << UInt64(bit)
    word = word & ~mask | value << UInt64(bit) & mask
    for index in 0..<bytes { output[offset + index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index)) }
  }

  private func word(_ offset: Int, _ bytes: [UInt8]) -> UInt32? {
    guard offset >= 0, offset + 4 <= bytes.count else { return nil }
    return (0..<4).reversed().reduce(0) { $0 << 8 | UInt32(bytes[offset + $1]) }
  }

  // MARK: Calls

  /// The distance of a call or jump, to its target or to a veneer.
  ///
  /// Calls of other modules go by a veneer always: on ppc64le they have another TOC, and elsewhere they are mostly far away.
  private func branch(
    _ relocation: ELFRelocation, _ section: ObjectSection, _ rule: RelocationRule, _ place: LinkPlace,
    _ offset: UInt64, _ result: inout LinkedPatch
  ) throws(LinkError) -> UInt64 {
    let here = placement.base &+ offset
    let addend = UInt64(bitPattern: relocation.addend)
    guard case .address(let target, let other, _) = try meaning(Int(relocation.symbol), place) else {
      throw .relocation(place, .kind)
    }
    let isForeign = imported.contains(Int(relocation.symbol))
    let entry = architecture == .ppc64le ? LocalEntry.offset(other) : 0
    // (A local entry that is the global one: the function does not keep r2; ELFv2, 3.4.1.)
    let losesTOC = architecture == .ppc64le && (isForeign || other >> 5 == 1)
    let direct = target &+ entry &+ addend &- here
    if !isForeign, !losesTOC, rule.range.contains(Int64(bitPattern: direct)) { return direct }
    guard let slot = patch.veneerSlot(of: relocation, in: section), let veneer = layout.veneers[slot],
      let place64 = layout.slots[slot]
    else {
      // (The patch's own function that does not keep r2.)
      if losesTOC { throw .relocation(place, .noTOCRestore) }
      return direct
    }
    if losesTOC { try restoreTOC(Int(offset), place, &result.bytes) }
    guard
      let code = Veneer.code(
        architecture, at: placement.base &+ veneer, slot: placement.base &+ place64, toc: toc,
        savesTOC: losesTOC)
    else { throw .relocation(place, .outOfRange(Int64(bitPattern: placement.base &+ place64 &- toc))) }
    result.bytes.replaceSubrange(Int(veneer)..<Int(veneer) + code.count, with: code)
    return placement.base &+ veneer &+ UInt64(bitPattern: patch.veneerAddend(of: relocation, in: section))
      &- here
  }

  /// Loads the TOC pointer again behind a call (ELFv2, 2.3.6.1).
  private func restoreTOC(_ offset: Int, _ place: LinkPlace, _ bytes: inout [UInt8]) throws(LinkError) {
    let restore: UInt32 = 0xe841_0018  // ld r2, 24(r1)
    guard let call = word(offset, bytes), call & 1 == 1, let next = word(offset + 4, bytes),
      next == 0x6000_0000 || next == restore
    else { throw .relocation(place, .noTOCRestore) }
    put(UInt64(restore), 32, at: 0, of: 4, offset + 4, &bytes)
  }

  // MARK: Descriptors

  /// Makes of a call through a descriptor, which only the dynamic linker can make, a constant: the variable's offset from the thread
  /// pointer ("ELF for the Arm 64-bit Architecture", 5.7.11.8; "Thread-Local Storage Descriptors for IA32 and AMD64/EM64T").
  private func rewrite(
    _ step: RelocationRule.DescriptorStep, _ relocation: ELFRelocation, _ rule: RelocationRule,
    _ place: LinkPlace,
    _ offset: Int, _ bytes: inout [UInt8]
  ) throws(LinkError) {
    let number = Int(relocation.symbol)
    let count = architecture == .x86_64 && step == .call ? 2 : 4
    guard offset + count <= bytes.count, architecture != .x86_64 || step != .page || relocation.offset >= 3
    else {
      throw .relocation(place, .beyondSection)
    }
    var distance = Int64(bitPattern: try threadOffset(number, place)) &+ relocation.addend
    if architecture == .x86_64, step == .page { distance &+= 4 }
    guard step == .call || rule.range.contains(distance) else {
      throw .relocation(place, .outOfRange(distance))
    }
    guard architecture == .x86_64 else { return try rewriteARM64(step, distance, place, offset, &bytes) }
    switch step {
    case .page:
      // lea x@tlsdesc(%rip), reg: mov $offset, reg
      guard bytes[offset - 3] & 0xfb == 0x48, bytes[offset - 2] == 0x8d, bytes[offset - 1] & 0xc7 == 5 else {
        throw .relocation(place, .unexpectedInstruction)
      }
      let register = bytes[offset - 1] >> 3 & 7
      bytes[offset - 3] = 0x48 | (bytes[offset - 3] & 4) >> 2
      bytes[offset - 2] = 0xc7
      bytes[offset - 1] = 0xc0 | register
      put(UInt64(bitPattern: distance), 32, at: 0, of: 4, offset, &bytes)
    case .call:
      // call *(%rax): a nop of two bytes
      guard bytes[offset] == 0xff, bytes[offset + 1] == 0x10 else {
        throw .relocation(place, .unexpectedInstruction)
      }
      bytes[offset] = 0x66
      bytes[offset + 1] = 0x90
    case .load, .add: throw .relocation(place, .unknownType)
    }
  }

  private func rewriteARM64(
    _ step: RelocationRule.DescriptorStep, _ distance: Int64, _ place: LinkPlace, _ offset: Int,
    _ bytes: inout [UInt8]
  ) throws(LinkError) {
    guard let old = word(offset, bytes) else { throw .relocation(place, .beyondSection) }
    let isExpected =
      switch step {
      case .page: old & 0x9f00_0000 == 0x9000_0000  // adrp
      case .load: old & 0xffc0_0000 == 0xf940_0000  // ldr x
      case .add: old & 0xffc0_0000 == 0x9100_0000  // add x
      case .call: old & 0xffff_fc1f == 0xd63f_0000  // blr
      }
    guard isExpected else { throw .relocation(place, .unexpectedInstruction) }
    let bits = UInt32(truncatingIfNeeded: distance)
    let nop: UInt32 = 0xd503_201f
    let new: UInt32 =
      switch step {
      case .page: 0xd2a0_0000 | (bits >> 16) << 5 | old & 31  // movz xd, #high, lsl #16
      case .load: 0xf280_0000 | (bits & 0xffff) << 5 | old >> 5 & 31  // movk xn, #low
      case .add, .call: nop
      }
    put(UInt64(new), 32, at: 0, of: 4, offset, &bytes)
  }
}

/// ppc64le: a function's local entry (ELFv2, 3.4.1).
package enum LocalEntry {
  /// How far it is from the global one, by the symbol's `st_other`.
  package static func offset(_ other: UInt8) -> UInt64 {
    let code = UInt64(other >> 5)
    return code < 2 ? 0 : 1 << code
  }
}
