import ApusCore
import ApusELF

/// What symbols are. `place` is what an error is about.
extension LinkContext {
  /// What a symbol is.
  enum Meaning {
    /// `other` is its `st_other`.
    case address(Address, other: UInt8, isForeignCode: Bool = false)
    /// An offset in a module's thread-local block, with the block's place from the thread pointer and the module's number, if known.
    case threadLocal(UInt64, block: Int64?, moduleNumber: UInt64?)
  }

  /// What a symbol is, by its number in the patch.
  func meaning(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> Meaning {
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

  /// The address of what is not thread-local.
  func address(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> Address {
    guard case .address(let address, _, _) = try meaning(number, place()) else {
      throw .relocation(place(), .kind)
    }
    return address
  }

  typealias ThreadLocal = (offset: UInt64, block: Int64?, moduleNumber: UInt64?)

  /// Where a thread-local variable is.
  func threadLocal(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> ThreadLocal {
    guard case .threadLocal(let offset, let block, let moduleNumber) = try meaning(number, place()) else {
      throw .relocation(place(), .kind)
    }
    return (offset, block, moduleNumber)
  }

  /// Where it is in its module's block.
  func blockOffset(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> UInt64 {
    try threadLocal(number, place()).offset
  }

  /// Where it is from the thread pointer, if that is the same in all threads.
  func threadOffset(_ number: Int, _ place: @autoclosure () -> LinkPlace) throws(LinkError) -> UInt64 {
    let variable = try threadLocal(number, place())
    guard let block = variable.block else { throw .relocation(place(), .noThreadOffset) }
    return UInt64(bitPattern: block) &+ variable.offset
  }
}
