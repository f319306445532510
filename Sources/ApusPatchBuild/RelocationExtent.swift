internal import ApusCore

/// Which bytes around a relocation's place a linker may change.
enum RelocationExtent {
  /// The bytes, counted as the place is.
  ///
  /// More than the field where linkers rewrite instructions: accesses through the GOT and to thread-local variables (x86-64
  /// psABI, B.2, and ELF Handling For Thread-Local Storage, 5), whole instructions on the other two.
  static func changed(_ type: UInt32, at place: Int, _ architecture: Architecture) -> Range<Int> {
    switch architecture {
    case .x86_64:
      switch type {
      case 0: place..<place
      case 41, 42, 22, 34: place - 3..<place + 4  // GOTPCRELX, REX_GOTPCRELX, GOTTPOFF, GOTPC32_TLSDESC
      case 19: place - 4..<place + 12  // TLSGD and the call behind it
      case 20: place - 3..<place + 10  // TLSLD
      case 35: place..<place + 2  // TLSDESC_CALL
      case 1, 17, 24, 25, 27, 28, 29: place..<place + 8  // 64 bits
      default: place..<place + 4
      }
    case .arm64:
      type == 257 ? place..<place + 8 : place..<place + 4
    case .ppc64le:
      // The nop behind a call may load the TOC pointer.
      type == 10 ? place & ~3..<place & ~3 + 8 : type == 38 ? place..<place + 8 : place & ~3..<place & ~3 + 4
    }
  }

  /// Whether it is a whole address: R_X86_64_64, R_AARCH64_ABS64, R_PPC64_ADDR64.
  static func isAddress(_ type: UInt32, _ architecture: Architecture) -> Bool {
    switch architecture {
    case .x86_64: type == 1
    case .arm64: type == 257
    case .ppc64le: type == 38
    }
  }

  /// Whether the relocation at this place of the code is the target of a call or jump, for which it does not matter by which way
  /// the function is reached.
  static func isBranch(
    _ type: UInt32, at place: Int, of code: ArraySlice<UInt8>, _ architecture: Architecture
  ) -> Bool {
    switch architecture {
    case .x86_64:
      guard type == 4 || type == 2, place >= 1, place <= code.count else { return false }  // PLT32, PC32
      let opcode = code[code.startIndex + place - 1]
      if opcode == 0xe8 || opcode == 0xe9 { return true }
      return place >= 2 && code[code.startIndex + place - 2] == 0x0f && opcode & 0xf0 == 0x80
    case .arm64: return [279, 280, 282, 283].contains(type)  // TSTBR14, CONDBR19, JUMP26, CALL26
    case .ppc64le: return [10, 11, 116].contains(type)  // REL24, REL14, REL24_NOTOC
    }
  }
}
