package import ApusCore

/// What call sites an architecture needs, and which compilers make them.
package struct CallSiteNeeds: Sendable, Hashable {
  /// The bytes of the slot that are written.
  package var slotBytes: Int
  /// The compiler's flag that makes such slots.
  package var flag: String
  /// The compilers that have it.
  package var compilers: String
}

extension Architecture {
  /// What call sites must be like.
  package var callSiteNeeds: CallSiteNeeds {
    switch self {
    case .x86_64:
      CallSiteNeeds(
        slotBytes: 5, flag: "-fpatchable-function-entry=5", compilers: "gcc 8 or newer, clang 10 or newer")
    case .arm64:
      CallSiteNeeds(
        slotBytes: 4, flag: "-fpatchable-function-entry=2", compilers: "gcc 8 or newer, clang 10 or newer")
    case .ppc64le:
      CallSiteNeeds(slotBytes: 4, flag: "-fpatchable-function-entry=2", compilers: "gcc 14 or newer")
    }
  }

  /// The instructions that an indirect branch may land on; all of one length.
  var landingPads: [[UInt8]] {
    switch self {
    case .x86_64: [[0xf3, 0x0f, 0x1e, 0xfa]]  // endbr64
    case .arm64: [[0x5f, 0x24, 0x03, 0xd5], [0xdf, 0x24, 0x03, 0xd5]]  // bti c; bti jc
    case .ppc64le: []
    }
  }

  /// Whether `bytes` are nothing but an instruction that signs the return address, behind a landing pad or not. (Indirect
  /// branches may land on that instruction too.)
  func signsReturnAddress(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard self == .arm64 else { return false }
    let rest = startsWithLandingPad(bytes) ? bytes.dropFirst(landingPadBytes) : bytes
    // paciasp; pacibsp
    return rest.elementsEqual([0x3f, 0x23, 0x03, 0xd5]) || rest.elementsEqual([0x7f, 0x23, 0x03, 0xd5])
  }

  /// Whether `bytes` begin with a landing pad of four bytes.
  func startsWithLandingPad(_ bytes: ArraySlice<UInt8>) -> Bool {
    landingPads.contains { bytes.starts(with: $0) }
  }
}

/// The length of every landing pad.
let landingPadBytes = 4
