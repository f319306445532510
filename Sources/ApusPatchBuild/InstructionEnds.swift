internal import ApusCore
internal import ApusELF
internal import ApusISA
internal import ApusPatchObject

/// Where instructions end that have relocations, as far as it matters what these refer to.
///
/// On x86_64 an operand is relative to the end of its instruction, and relocations to their own place: what is between the two
/// is in the addend (4 mostly, 5 or 8 where an immediate operand follows), and has to come out of it again.
struct InstructionEnds {
  /// For each section, offset of the relocation → bytes from there to the instruction's end.
  private var distances: [[UInt64: Int64]]

  init(_ object: ObjectFile) {
    distances = object.sections.map { _ in [:] }
    let endRelative = object.architecture.linkedCode.endRelative
    guard !endRelative.isEmpty else { return }
    for (index, section) in object.sections.enumerated() where section.isCode && section.hasContents {
      let relative = section.relocations.filter { endRelative.contains($0.type) }
      for relocation in relative { distances[index][relocation.offset] = 4 }
      guard relative.contains(where: { object.symbols[Int($0.symbol)].kind == .section }) else { continue }
      for function in object.symbols where function.section == index && function.isFunction {
        decode(section, function, object.architecture, &distances[index])
      }
    }
  }

  private func decode(
    _ section: ObjectSection, _ function: ObjectSymbol, _ architecture: Architecture,
    _ found: inout [UInt64: Int64]
  ) {
    let start = min(section.size, function.value)
    let end = min(section.size, start + min(section.size, function.size))
    var rest = section.relocations(in: start..<end)
    guard !rest.isEmpty else { return }
    for next in InstructionLengths.ends(of: Array(section.bytes[Int(start)..<Int(end)]), architecture) {
      let next = start + UInt64(next)
      while let relocation = rest.first, relocation.offset < next {
        if found[relocation.offset] != nil { found[relocation.offset] = Int64(next - relocation.offset) }
        rest = rest.dropFirst()
      }
    }
  }

  /// What has to be added to the relocation's addend.
  func bias(_ relocation: ELFRelocation, in section: Int) -> Int64 {
    distances[section][relocation.offset] ?? 0
  }
}
