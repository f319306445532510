import ApusCore

extension ELFImage {
  /// Every function that a symbol of `.symtab` or the dynamic symbols defines in the machine code.
  ///
  /// Names at one address are one function. Its preferred name is an ordinary one rather than that of an
  /// IFUNC (calls of an IFUNC go elsewhere), then global before weak before local, then without leading
  /// underscores, then the shortest, then the first in order of bytes.
  package func functions() throws(ELFError) -> FunctionTable {
    let text = TextRanges(textRanges)
    var candidates: [Candidate] = []
    for table in [try fullSymbols(), try dynamicSymbols()] {
      guard var table else { continue }
      for symbol in table.symbols where symbol.isFunction && symbol.isDefined {
        guard let address = address(of: symbol), text.contains(address) else { continue }
        let name = try table.strings.symbolName(at: symbol.name)
        if !name.isEmpty { candidates.append(Candidate(symbol, name: name, address: address)) }
      }
    }
    candidates.sort { $0.address < $1.address }
    var functions: [FunctionSymbol] = []
    var first = 0
    while first < candidates.count {
      var end = first + 1
      while end < candidates.count, candidates[end].address == candidates[first].address { end += 1 }
      functions.append(merge(candidates[first..<end]))
      first = end
    }
    return FunctionTable(functions)
  }

  /// Where a symbol is: its value, which in a relocatable file counts from its section.
  func address(of symbol: ELFSymbol) -> Address? {
    guard type == .relocatable else { return symbol.value }
    guard symbol.isDefined, symbol.section < sections.count, sections[Int(symbol.section)].isAllocated,
      symbol.value <= sections[Int(symbol.section)].size
    else { return nil }
    return sections[Int(symbol.section)].address &+ symbol.value
  }

  private func merge(_ group: ArraySlice<Candidate>) -> FunctionSymbol {
    let ordered = group.count == 1 ? Array(group) : group.sorted { $0.isPreferred(to: $1) }
    var aliases: [String] = []
    var seen: Set<String> = [ordered[0].name]
    for candidate in ordered.dropFirst() where seen.insert(candidate.name).inserted {
      aliases.append(candidate.name)
    }
    let best = ordered[0]
    return FunctionSymbol(
      name: best.name, aliases: aliases, address: best.address, size: group.reduce(0) { max($0, $1.size) },
      binding: best.binding, kind: group.contains(where: \.isResolver) ? .resolver : .function,
      section: best.section, isSynthetic: false,
      localEntryOffset: architecture == .ppc64le ? best.powerLocalEntryOffset : 0)
  }
}

/// One name of a function, before names are merged.
private struct Candidate {
  var name: String
  var address: Address
  var size: UInt64
  var binding: FunctionSymbol.Binding
  var isResolver: Bool
  var section: Int
  var other: UInt8

  init(_ symbol: ELFSymbol, name: String, address: Address) {
    self.name = name
    self.address = address
    size = symbol.size
    // STB_LOCAL 0, STB_WEAK 2; STB_GLOBAL 1 and STB_GNU_UNIQUE 10.
    binding =
      switch symbol.info >> 4 {
      case 0: .local
      case 2: .weak
      default: .global
      }
    isResolver = symbol.info & 15 == 10
    section = Int(symbol.section)
    other = symbol.other
  }

  /// ELFv2 ABI, 3.4.1: bits 5 to 7 of st_other.
  var powerLocalEntryOffset: UInt64 {
    let code = other >> 5
    return code < 2 || code == 7 ? 0 : 1 << UInt64(code)
  }

  func isPreferred(to second: Candidate) -> Bool {
    if isResolver != second.isResolver { return !isResolver }
    if binding != second.binding { return binding < second.binding }
    let underscores = name.utf8.prefix { $0 == UInt8(ascii: "_") }.count
    let otherUnderscores = second.name.utf8.prefix { $0 == UInt8(ascii: "_") }.count
    if underscores != otherUnderscores { return underscores < otherUnderscores }
    if name.utf8.count != second.name.utf8.count { return name.utf8.count < second.name.utf8.count }
    return name.utf8.lexicographicallyPrecedes(second.name.utf8)
  }
}
