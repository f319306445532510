internal import ApusELF

/// The smallest thing that a comparison knows: a function, a variable, or a nameless constant, with a part of one section.
package struct Atom: Sendable, Hashable {
  /// What it is, which says how a change of it is judged.
  package enum Kind: Sendable, Hashable {
    /// Machine code.
    case code
    /// Never written while the program runs, relocations apart: string literals, tables, virtual tables.
    case constant
    /// Can be written.
    case variable
    /// What each thread has its own of.
    case threadLocal
    /// Where exceptions land (`.gcc_except_table`).
    case landing
    /// A list of functions that run at the start or the end.
    case constructors
    /// Told to tools, not to the program: call sites, notes.
    case ignored
  }

  package var kind: Kind
  /// Number of the section.
  package var section: Int
  /// In the section.
  package var range: Range<UInt64>
  /// Numbers of the symbols that name it, the preferred one first; none of a nameless constant.
  package var symbols: [Int] = []

  package var size: UInt64 { range.upperBound - range.lowerBound }
  var isNamelessConstant: Bool { kind == .constant && symbols.isEmpty }
  var isNamelessCode: Bool { kind == .code && symbols.isEmpty }
}

/// What a relocation refers to, in terms of the program.
package enum Target: Sendable, Hashable {
  /// An atom of the same file, and how many bytes behind its start.
  case atom(Int, offset: Int64)
  /// A symbol that is defined elsewhere, or common to several files.
  case symbol(String, offset: Int64)
  case absolute(Int64)
}

/// A reference from an atom.
package struct Reference: Sendable, Hashable {
  /// Bytes from the atom's start.
  package var place: UInt64
  /// The relocation's type.
  package var type: UInt32
  package var target: Target
}

extension Atom.Kind {
  /// The kind of what is in a section.
  init(_ name: String, type: UInt32, flags: UInt64) {
    func isNamed(_ prefix: String) -> Bool { name == prefix || name.hasPrefix(prefix + ".") }
    if flags & SectionFlag.alloc == 0 || type == SectionType.note || type == SectionType.group {
      self = .ignored
    } else if flags & SectionFlag.execute != 0 {
      self = .code
    } else if flags & SectionFlag.threadLocal != 0 {
      self = .threadLocal
    } else if [SectionType.initArray, SectionType.finiArray, SectionType.preinitArray].contains(type)
      || isNamed(".ctors") || isNamed(".dtors")
    {
      self = .constructors
    } else if isNamed(".gcc_except_table") {
      self = .landing
    } else if isNamed(".eh_frame") || isNamed(".note") || Self.toolSections.contains(name) {
      self = .ignored
    } else if flags & SectionFlag.write == 0 || isNamed(".data.rel.ro") || isNamed(".toc") {
      self = .constant
    } else {
      self = .variable
    }
  }

  private static let toolSections: Set<String> = [
    "__patchable_function_entries", "__mcount_loc", "xray_instr_map", "xray_fn_idx", ".stack_sizes",
  ]
}
