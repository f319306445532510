internal import ApusCore
package import ApusELF
internal import ApusISA
package import ApusPatchObject

/// An object file cut into atoms, and what each refers to.
///
/// Functions and variables end where their symbols say. What has no symbol is cut where something refers to it; of strings and
/// constants that linkers merge, each reference has one of its own.
package struct AtomTable {
  package let object: ObjectFile
  package private(set) var atoms: [Atom] = []
  /// For each section, its atoms in order of offset; they do not overlap, but for merged strings and constants.
  private var bySection: [[Int]]
  /// For each symbol, its atom and the offset there.
  private var bySymbol: [(atom: Int, offset: Int64)?]
  /// For each code atom, the record of how to unwind it.
  package private(set) var frames: [Int: UnwindRecords.Frame] = [:]
  package private(set) var unwinding: UnwindRecords?
  /// For merged strings and constants: section and offset → atom.
  private var merged: [MergedPlace: Int] = [:]
  private var references: [[Reference]] = []

  private struct MergedPlace: Hashable {
    var section: Int
    var offset: UInt64
  }

  /// Cuts a file.
  package init(_ object: ObjectFile) throws(ELFError) {
    self.object = object
    bySection = object.sections.map { _ in [] }
    bySymbol = object.symbols.map { _ in nil }
    let lengths = InstructionEnds(object)
    let cuts = placeNamed(lengths)
    for section in object.sections.indices { placeNameless(section, cuts[section]) }
    for (index, symbol) in object.symbols.enumerated() {
      guard let section = symbol.section, symbol.kind != .section, bySymbol[index] == nil,
        let atom = atom(in: section, at: symbol.value)
      else { continue }
      bySymbol[index] = (atom, Int64(symbol.value - atoms[atom].range.lowerBound))
    }
    references = atoms.indices.map { index in
      let atom = atoms[index]
      return object.sections[atom.section].relocations(in: atom.range).map { relocation in
        Reference(
          place: relocation.offset - atom.range.lowerBound, type: relocation.type,
          target: target(relocation, in: atom.section, lengths))
      }
    }
    if let index = object.sections.firstIndex(where: { $0.name == ".eh_frame" && $0.hasContents }) {
      let records = try UnwindRecords(object, section: index)
      unwinding = records
      for frame in records.frames {
        guard let function = referenceTarget(in: index, at: frame.functionPlace),
          case .atom(let atom, _) = function
        else { continue }
        frames[atom] = frame
      }
    }
  }

  /// What an atom refers to, in order of place.
  package func references(of atom: Int) -> [Reference] { references[atom] }

  /// The contents of an atom; nil if they are zeros that the file does not hold.
  package func bytes(of atom: Int) -> ArraySlice<UInt8>? {
    let section = object.sections[atoms[atom].section]
    guard section.hasContents else { return nil }
    let range = atoms[atom].range
    return section.bytes[Int(range.lowerBound)..<Int(range.upperBound)]
  }

  /// The atom that a symbol names.
  package func atom(ofSymbol symbol: Int) -> (atom: Int, offset: Int64)? { bySymbol[symbol] }

  /// Whether an atom is all that its section has.
  func isAlone(_ atom: Int) -> Bool {
    atoms[atom].size == object.sections[atoms[atom].section].size
  }

  /// The symbol that names an atom.
  package func symbol(of atom: Int) -> ObjectSymbol? {
    atoms[atom].symbols.first.map { object.symbols[$0] }
  }

  /// What the relocation at a place in a section that is not cut (`.eh_frame`) refers to.
  package func referenceTarget(in section: Int, at offset: UInt64) -> Target? {
    object.sections[section].relocations(in: offset..<offset + 1).first.map { target($0, in: section, nil) }
  }

  // MARK: Cutting

  /// Makes the atoms that have symbols; gives the places, section by section, where something nameless begins.
  private mutating func placeNamed(_ lengths: InstructionEnds) -> [Set<UInt64>] {
    var named: [[Int]] = object.sections.map { _ in [] }
    for (index, symbol) in object.symbols.enumerated() {
      guard let section = symbol.section, symbol.kind != .section, symbol.kind != .file, !symbol.name.isEmpty,
        symbol.value <= object.sections[section].size, !isMarker(symbol, in: section)
      else { continue }
      named[section].append(index)
    }
    for section in named.indices { place(named[section], in: section) }
    var cuts: [Set<UInt64>] = object.sections.map { _ in [] }
    for section in object.sections.indices where object.sections[section].isAllocated {
      for relocation in object.sections[section].relocations {
        let symbol = object.symbols[Int(relocation.symbol)]
        guard symbol.kind == .section, let target = symbol.section else { continue }
        let offset = Int64(symbol.value) &+ relocation.addend &+ lengths.bias(relocation, in: section)
        if offset >= 0, offset < object.sections[target].size { cuts[target].insert(UInt64(offset)) }
      }
    }
    return cuts
  }

  /// Mapping symbols and labels inside functions, which name nothing.
  func isMarker(_ symbol: ObjectSymbol, in section: Int) -> Bool {
    symbol.name.hasPrefix("$") && symbol.kind == .none
      || object.sections[section].isCode && symbol.name.hasPrefix(".L")
  }

  private mutating func place(_ symbols: [Int], in section: Int) {
    func rank(_ index: Int) -> (UInt64, Int, UInt64) {
      let symbol = object.symbols[index]
      // Of several names at one place: a global one, then the one that says most about the size.
      return (symbol.value, symbol.binding == .local ? 1 : 0, UInt64.max - symbol.size)
    }
    let sorted = symbols.sorted { rank($0) < rank($1) }
    let size = object.sections[section].size
    for (position, index) in sorted.enumerated() {
      let symbol = object.symbols[index]
      if let last = bySection[section].last,
        symbol.value < atoms[last].range.upperBound || symbol.value == atoms[last].range.lowerBound
      {
        // Another name, or one of a place inside.
        if symbol.value == atoms[last].range.lowerBound { atoms[last].symbols.append(index) }
        bySymbol[index] = (last, Int64(symbol.value - atoms[last].range.lowerBound))
        continue
      }
      var end =
        symbol.value.addingReportingOverflow(symbol.size).overflow
        ? size : min(size, symbol.value + symbol.size)
      let same = sorted[position...].prefix { object.symbols[$0].value == symbol.value }
      for other in same { end = max(end, min(size, symbol.value &+ object.symbols[other].size)) }
      if end == symbol.value, let last = mergedEnd(section, symbol.value) {
        // A compiler's label of a string or a constant that linkers merge: what fills up behind it is not a part of it.
        end = last
      } else if end == symbol.value {
        // Assembly without sizes: up to the next name.
        let next = sorted[position...].first { object.symbols[$0].value > symbol.value }
        end = next.map { min(size, object.symbols[$0].value) } ?? size
      }
      bySymbol[index] = (atoms.count, 0)
      append(section, symbol.value..<end, symbols: [index])
    }
  }

  /// Where a string or a constant ends that linkers merge; nil in other sections.
  private func mergedEnd(_ section: Int, _ start: UInt64) -> UInt64? {
    let contents = object.sections[section]
    guard contents.flags & SectionFlag.merge != 0, contents.entrySize > 0, start < contents.size else {
      return nil
    }
    guard contents.flags & SectionFlag.strings != 0, contents.hasContents else {
      return contents.size - start <= contents.entrySize ? contents.size : start + contents.entrySize
    }
    // Of wide characters too: up to the first that is zero.
    var end = start
    while contents.size - end >= contents.entrySize {
      let next = end + contents.entrySize
      if contents.bytes[Int(end)..<Int(next)].allSatisfy({ $0 == 0 }) { return next }
      end = next
    }
    return contents.size
  }

  private mutating func placeNameless(_ section: Int, _ cuts: Set<UInt64>) {
    let contents = object.sections[section]
    guard contents.isAllocated, contents.size > 0 else { return }
    if contents.flags & SectionFlag.merge != 0, contents.entrySize > 0 {
      for cut in cuts.sorted() where !isNamed(section, cut) { placeMerged(section, cut) }
      return
    }
    let named = bySection[section]
    bySection[section] = []
    var at: UInt64 = 0
    func sorted(_ range: Range<UInt64>) -> [UInt64] {
      cuts.filter { range.contains($0) && $0 > range.lowerBound }.sorted()
    }
    func fill(_ table: inout AtomTable, to end: UInt64) {
      guard at < end else { return }
      var start = at
      for cut in sorted(at..<end) + [end] {
        table.append(section, start..<cut, symbols: [])
        start = cut
      }
    }
    for index in named {
      fill(&self, to: atoms[index].range.lowerBound)
      bySection[section].append(index)
      at = max(at, atoms[index].range.upperBound)
    }
    fill(&self, to: contents.size)
  }

  private func isNamed(_ section: Int, _ offset: UInt64) -> Bool {
    bySection[section].contains { atoms[$0].range.contains(offset) }
  }

  private mutating func placeMerged(_ section: Int, _ offset: UInt64) {
    let contents = object.sections[section]
    var start = offset
    if contents.flags & SectionFlag.strings == 0 || !contents.hasContents {
      start = offset / contents.entrySize * contents.entrySize
      if let known = merged[MergedPlace(section: section, offset: start)] {
        merged[MergedPlace(section: section, offset: offset)] = known
        return
      }
    }
    merged[MergedPlace(section: section, offset: start)] = atoms.count
    merged[MergedPlace(section: section, offset: offset)] = atoms.count
    append(section, start..<(mergedEnd(section, start) ?? contents.size), symbols: [])
  }

  private mutating func append(_ section: Int, _ range: Range<UInt64>, symbols: [Int]) {
    let contents = object.sections[section]
    var kind = Atom.Kind(contents.name, type: contents.type, flags: contents.flags)
    // Variables have names. What has none is the compiler's own, which nobody writes to: what local arrays begin with, where that has
    // addresses in it.
    if kind == .variable, symbols.isEmpty, contents.hasContents { kind = .constant }
    if contents.flags & SectionFlag.merge == 0 || !symbols.isEmpty { bySection[section].append(atoms.count) }
    atoms.append(Atom(kind: kind, section: section, range: range, symbols: symbols))
  }

  // MARK: Finding

  /// The atom at an offset; of a place behind the last byte, the atom that ends there.
  private func atom(in section: Int, at offset: UInt64) -> Int? {
    if let place = merged[MergedPlace(section: section, offset: offset)] { return place }
    let next = bySection[section].partitioningIndex { atoms[$0].range.lowerBound > offset }
    guard next > 0 else { return nil }
    let found = bySection[section][next - 1]
    return offset <= atoms[found].range.upperBound ? found : nil
  }

  private func target(_ relocation: ELFRelocation, in section: Int, _ lengths: InstructionEnds?) -> Target {
    let number = Int(relocation.symbol)
    let symbol = object.symbols[number]
    guard symbol.kind == .section, let other = symbol.section else {
      let bias = lengths?.bias(relocation, in: section) ?? 0
      let offset = relocation.addend &+ bias
      if let place = bySymbol[number] { return .atom(place.atom, offset: place.offset &+ offset) }
      return symbol.isUndefined || symbol.place == .common
        ? number == 0 ? .absolute(offset) : .symbol(symbol.name, offset: offset)
        : .absolute(Int64(bitPattern: symbol.value) &+ offset)
    }
    let offset = relocation.addend &+ (lengths?.bias(relocation, in: section) ?? 0)
    if let atom = (offset >= 0 ? atom(in: other, at: UInt64(offset)) : nil) ?? nearest(other, offset) {
      return .atom(atom, offset: offset &- Int64(atoms[atom].range.lowerBound))
    }
    return .symbol(object.sections[other].name, offset: offset)
  }

  /// The atom that a place beyond its section's ends is counted from: the first or the last. (A table of distances counts from
  /// its own places, beyond the function that it is for.)
  private func nearest(_ section: Int, _ offset: Int64) -> Int? {
    offset < 0 ? bySection[section].first : bySection[section].last
  }
}
