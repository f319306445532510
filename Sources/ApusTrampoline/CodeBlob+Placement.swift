package import ApusCore
package import ApusProbe

extension CodeBlob {
  /// The bytes for a place in a process.
  ///
  /// - Parameters:
  ///   - address: where the code's first byte will be.
  ///   - body: where the function's body starts, for stubs; not looked at by other programs.
  ///   - symbols: the addresses of routines.
  package func placed(
    at address: Address, body: Address, symbols: (ProbeSymbol) -> Address?
  ) throws(LoweringError) -> [UInt8] {
    var code = bytes
    for relocation in relocations {
      let target: Address
      switch relocation.target {
      case .body: target = body
      case .symbol(let symbol):
        guard let found = symbols(symbol) else {
          throw .undefinedSymbol(program: name, symbol)
        }
        target = found
      }
      let place = address &+ UInt64(truncatingIfNeeded: relocation.offset)
      let distance = Int64(bitPattern: target &- place) &+ relocation.addend
      guard let field = relocation.kind.field(distance) else {
        throw .outOfRange(program: name, offset: relocation.offset, place: address, target: target)
      }
      let old = Self.read(code, relocation.offset)
      Self.write(UInt64(old & ~field.mask | field.bits), 4, &code, relocation.offset)
    }
    return code
  }

  /// Replaces every constant and immediate with the value `old` (of those in ``constantSites``, so `old` should be a
  /// large, unlikely number) by `new`. A quick way to many stubs that differ in constants only.
  package mutating func replaceConstant(_ old: UInt64, with new: UInt64) throws(LoweringError) {
    var found = false
    for index in constantSites.indices where constantSites[index].value == old {
      let site = constantSites[index]
      let fits =
        switch site.form {
        case .zeroExtended32: new <= UInt64(UInt32.max)
        case .signExtended32, .powerHalves32: Int32(exactly: Int64(bitPattern: new)) != nil
        case .powerLogical32: new <= UInt64(Int32.max)
        // The lower half is signed, so the upper one must make up for it.
        case .powerAdded32: Int32(exactly: Int64(bitPattern: new &+ 0x8000)) != nil
        case .full64, .powerParts64: true
        case .moves(let count): Self.movesFit(new, count)
        }
      guard fits else { throw .constantDoesNotFit(program: name, offset: site.offset, value: new) }
      switch site.form {
      case .zeroExtended32, .signExtended32: Self.write(new, 4, &bytes, site.offset)
      case .full64: Self.write(new, 8, &bytes, site.offset)
      case .moves(let count): Self.writeMoves(new, count, &bytes, site.offset)
      case .powerHalves32, .powerLogical32: Self.writeHalves(new, &bytes, site.offset)
      case .powerAdded32:
        Self.write((new &+ 0x8000) >> 16, 2, &bytes, site.offset)
        Self.write(new, 2, &bytes, site.offset + 4)
      case .powerParts64:
        Self.writeHalves(new >> 32, &bytes, site.offset)
        Self.writeHalves(new, &bytes, site.offset + 12)
      }
      constantSites[index].value = new
      found = true
    }
    guard found else { throw .noSuchConstant(program: name, value: old) }
  }

  private static func write(_ value: UInt64, _ count: Int, _ code: inout [UInt8], _ offset: Int) {
    for index in 0..<count { code[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }
  /// Power: the immediates of two neighbouring instructions.
  private static func writeHalves(_ value: UInt64, _ code: inout [UInt8], _ offset: Int) {
    write(value >> 16, 2, &code, offset)
    write(value, 2, &code, offset + 4)
  }
  private static func read(_ code: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(code[offset + $1]) << UInt32(8 * $1) }
  }
}

extension CodeBlob.Relocation.Kind {
  /// What a distance puts into the 32-bit word at the place; nil if it is out of range.
  fileprivate func field(_ distance: Int64) -> (mask: UInt32, bits: UInt32)? {
    switch self {
    case .relative32:
      guard let short = Int32(exactly: distance) else { return nil }
      return (~0, UInt32(bitPattern: short))
    case .branch26:
      guard distance & 3 == 0, distance >= -(1 << 27), distance < 1 << 27 else { return nil }
      return ((1 << 26) - 1, UInt32(truncatingIfNeeded: distance >> 2) & ((1 << 26) - 1))
    case .powerBranch24:
      guard distance & 3 == 0, distance >= -(1 << 25), distance < 1 << 25 else { return nil }
      return (0x3ff_fffc, UInt32(truncatingIfNeeded: distance) & 0x3ff_fffc)
    }
  }
}
