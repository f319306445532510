internal import ApusCore
internal import ApusELF
internal import ApusPatchObject

/// Plain references. (Psabi, table 4.10.)
enum X86_64LinkedCode: LinkedCode {
  static let jumpBytes: UInt64 = 5
  static let filler: UInt8 = 0xcc  // int3
  /// (psABI, 4.4.1.)
  static let endRelative: Set<UInt32> = [
    2, 4, 9, 13, 15, 19, 20, 22, 24, 26, 28, 34, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
  ]

  static func address(of reference: Reference, in code: LinkedReferences) -> Address? {
    guard let word = code.word(at: reference) else { return nil }
    let signed = signed(word, bits: 32)
    switch reference.type {
    case 4 where !isBranch(reference, code): return nil  // PLT32
    // PC32, PLT32
    case 2, 4: return bias(reference, code).map { code.start &+ reference.place &+ signed &+ $0 }
    case 10: return UInt64(word)  // 32
    case 11: return signed  // 32S
    default: return nil
    }
  }

  /// Whether the distance is that of a call, a jump, or a conditional jump (0F 80 to 8F). (Linkers rewrite the calls of
  /// __tls_get_addr, and what is there then is none.)
  private static func isBranch(_ reference: Reference, _ code: LinkedReferences) -> Bool {
    let opcode = code.bytes(at: reference, 2, count: 2) ?? code.bytes(at: reference, 1, count: 1)
    guard let last = opcode?.last else { return false }
    return last == 0xe8 || last == 0xe9 || last & 0xf0 == 0x80 && opcode?.first == 0x0f
  }

  /// What is between the relocation's place and the end of its instruction, which the table's offset has taken out of the addend.
  private static func bias(_ reference: Reference, _ code: LinkedReferences) -> UInt64? {
    let table = code.table
    let offset = table.atoms[code.function].range.lowerBound + reference.place
    let relocations = table.object.sections[table.atoms[code.function].section].relocations(
      in: offset..<offset + 1)
    guard let relocation = relocations.first(where: { $0.type == reference.type }) else { return nil }
    let symbol = table.object.symbols[Int(relocation.symbol)]
    let found: Int64
    switch reference.target {
    case .atom(let atom, let offset):
      found =
        Int64(table.atoms[atom].range.lowerBound) &+ offset
        &- (symbol.kind == .section ? 0 : Int64(symbol.value))
    case .symbol(_, let offset): found = offset
    case .absolute: return nil
    }
    return UInt64(bitPattern: found &- relocation.addend)
  }
}
