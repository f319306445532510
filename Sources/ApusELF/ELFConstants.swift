import ApusCore

// Names and numbers of the ELF specification (System V gABI, chapters 4 and 5), the GNU extensions and the
// processors' supplements; each constant carries its C name.

/// `e_type`: what sort of object a file is.
package enum ELFType: UInt16, Sendable {
  /// ET_REL, a `.o` file.
  case relocatable = 1
  /// ET_EXEC, at fixed addresses.
  case executable = 2
  /// ET_DYN: a shared library or a position-independent executable.
  case shared = 3
  /// ET_CORE.
  case core = 4
}

/// `sh_type`.
package enum SectionType {
  package static let null: UInt32 = 0  // SHT_NULL
  package static let programBits: UInt32 = 1  // SHT_PROGBITS
  package static let symbolTable: UInt32 = 2  // SHT_SYMTAB
  package static let strings: UInt32 = 3  // SHT_STRTAB
  package static let rela: UInt32 = 4  // SHT_RELA
  package static let note: UInt32 = 7  // SHT_NOTE
  package static let noBits: UInt32 = 8  // SHT_NOBITS
  package static let rel: UInt32 = 9  // SHT_REL
  package static let dynamicSymbols: UInt32 = 11  // SHT_DYNSYM
  package static let initArray: UInt32 = 14  // SHT_INIT_ARRAY
  package static let finiArray: UInt32 = 15  // SHT_FINI_ARRAY
  package static let preinitArray: UInt32 = 16  // SHT_PREINIT_ARRAY
  package static let group: UInt32 = 17  // SHT_GROUP
  package static let extendedIndices: UInt32 = 18  // SHT_SYMTAB_SHNDX
}

/// `sh_flags`.
package enum SectionFlag {
  package static let write: UInt64 = 1  // SHF_WRITE
  package static let alloc: UInt64 = 2  // SHF_ALLOC
  package static let execute: UInt64 = 4  // SHF_EXECINSTR
  package static let merge: UInt64 = 0x10  // SHF_MERGE
  package static let strings: UInt64 = 0x20  // SHF_STRINGS
  package static let infoLink: UInt64 = 0x40  // SHF_INFO_LINK
  package static let group: UInt64 = 0x200  // SHF_GROUP
  package static let threadLocal: UInt64 = 0x400  // SHF_TLS
  package static let compressed: UInt64 = 0x800  // SHF_COMPRESSED
}

/// Special values of `st_shndx` and `e_shstrndx`.
package enum SectionIndex {
  package static let undefined: UInt32 = 0  // SHN_UNDEF
  package static let reserved: UInt32 = 0xff00  // SHN_LORESERVE
  package static let absolute: UInt32 = 0xfff1  // SHN_ABS
  package static let common: UInt32 = 0xfff2  // SHN_COMMON
  package static let extended: UInt32 = 0xffff  // SHN_XINDEX
}

/// `p_type`.
enum SegmentType {
  static let load: UInt32 = 1  // PT_LOAD
  static let dynamic: UInt32 = 2  // PT_DYNAMIC
  static let interpreter: UInt32 = 3  // PT_INTERP
  static let note: UInt32 = 4  // PT_NOTE
  static let ehFrameHeader: UInt32 = 0x6474_e550  // PT_GNU_EH_FRAME
  static let gnuProperty: UInt32 = 0x6474_e553  // PT_GNU_PROPERTY
}

/// `d_tag`.
enum DynamicTag {
  static let null: Int64 = 0  // DT_NULL
  static let needed: Int64 = 1  // DT_NEEDED
  static let pltRelocationSize: Int64 = 2  // DT_PLTRELSZ
  static let hash: Int64 = 4  // DT_HASH
  static let strings: Int64 = 5  // DT_STRTAB
  static let symbols: Int64 = 6  // DT_SYMTAB
  static let rela: Int64 = 7  // DT_RELA
  static let relaSize: Int64 = 8  // DT_RELASZ
  static let relaEntrySize: Int64 = 9  // DT_RELAENT
  static let stringsSize: Int64 = 10  // DT_STRSZ
  static let symbolSize: Int64 = 11  // DT_SYMENT
  static let sharedObjectName: Int64 = 14  // DT_SONAME
  static let pltRelocations: Int64 = 23  // DT_JMPREL
  static let relrSize: Int64 = 35  // DT_RELRSZ
  static let relr: Int64 = 36  // DT_RELR
  static let gnuHash: Int64 = 0x6fff_fef5  // DT_GNU_HASH
  static let flags1: Int64 = 0x6fff_fffb  // DT_FLAGS_1
}

/// DF_1_PIE, in DT_FLAGS_1.
let positionIndependentExecutableFlag: UInt64 = 0x0800_0000

/// Types of the notes whose name is "GNU".
enum NoteType {
  static let buildID: UInt32 = 3  // NT_GNU_BUILD_ID
  static let property: UInt32 = 5  // NT_GNU_PROPERTY_TYPE_0
}

/// Sizes in a 64-bit file.
enum RecordSize {
  static let header = 64  // Elf64_Ehdr
  static let programHeader = 56  // Elf64_Phdr
  static let sectionHeader = 64  // Elf64_Shdr
  static let symbol = 24  // Elf64_Sym
  static let rela = 24  // Elf64_Rela
  static let dynamic = 16  // Elf64_Dyn
}

/// What the processor's supplement to the specification says, one row for each architecture.
struct MachineConstants {
  /// `e_machine`: EM_X86_64, EM_AARCH64, EM_PPC64.
  var machine: UInt16
  /// `e_flags` of what we write: for ppc64le the ABI's version, ELFv2.
  var flags: UInt32
  /// The relocation "base + addend": R_X86_64_RELATIVE, R_AARCH64_RELATIVE, R_PPC64_RELATIVE.
  var relative: UInt32
  /// The relocation "symbol + addend, 64 bits": R_X86_64_64, R_AARCH64_ABS64, R_PPC64_ADDR64.
  var absolute64: UInt32
  /// `pr_type` of the property whose bits say which control-flow protections all of the code supports:
  /// GNU_PROPERTY_X86_FEATURE_1_AND, GNU_PROPERTY_AARCH64_FEATURE_1_AND; 0 if there is none.
  var protectionProperty: UInt32
}

extension Architecture {
  var machineConstants: MachineConstants {
    switch self {
    case .x86_64:
      MachineConstants(machine: 62, flags: 0, relative: 8, absolute64: 1, protectionProperty: 0xc000_0002)
    case .arm64:
      MachineConstants(
        machine: 183, flags: 0, relative: 1027, absolute64: 257, protectionProperty: 0xc000_0000)
    case .ppc64le:
      MachineConstants(machine: 21, flags: 2, relative: 22, absolute64: 38, protectionProperty: 0)
    }
  }

  /// The architecture of `e_machine`, if it is one of ours.
  init?(machine: UInt16) {
    guard let found = Architecture.allCases.first(where: { $0.machineConstants.machine == machine }) else {
      return nil
    }
    self = found
  }
}

/// How to name `e_machine` to people.
func machineName(_ machine: UInt16) -> String {
  let names: [UInt16: String] = [
    2: "SPARC", 3: "i386", 8: "MIPS", 20: "32-bit PowerPC", 22: "S/390", 40: "32-bit ARM", 43: "SPARC V9",
    50: "IA-64", 243: "RISC-V", 247: "BPF", 258: "LoongArch",
  ]
  return names[machine] ?? "machine \(machine)"
}
