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

/// What call sites of one architecture look like.
protocol CallSiteArchitecture {
  static var needs: CallSiteNeeds { get }
  /// How many bytes of nops no function begins with unless it was asked to.
  static var unlistedBytes: Int { get }
  /// The instructions that an indirect branch may land on; all of one length.
  static var landingPads: [[UInt8]] { get }
  /// The instructions that sign the return address.
  static var returnSigning: [[UInt8]] { get }
  /// Whether there are nops of several lengths: then behind those of one byte, longer ones are the assembler's padding, and more of them
  /// may stand at a site than were asked for.
  static var hasNopsOfSeveralLengths: Bool { get }
  /// The length of the nop that `bytes` begin with; nil if that is none, or not all there.
  static func nopLength(_ bytes: ArraySlice<UInt8>) -> Int?
  /// Where a slot's own nops may end if more of them stand there than were asked for: the first offset above 0 and below `limit` that
  /// a direct branch in `code`, a function from its slot on, may lead to; nil if none does.
  static func firstBranchTarget(in code: [UInt8], below limit: Int) -> Int?
}

extension CallSiteArchitecture {
  /// None: one nop that was asked for is enough.
  static func firstBranchTarget(in code: [UInt8], below limit: Int) -> Int? { nil }
}

extension Architecture {
  /// What its call sites look like.
  var callSites: any CallSiteArchitecture.Type {
    switch self {
    case .x86_64: X86_64CallSites.self
    case .arm64: ARM64CallSites.self
    case .ppc64le: PPC64LECallSites.self
    }
  }

  /// What call sites must be like.
  package var callSiteNeeds: CallSiteNeeds { callSites.needs }

  /// Whether `bytes` are nothing but an instruction that signs the return address, behind a landing pad or not. (Indirect
  /// branches may land on that instruction too.)
  func signsReturnAddress(_ bytes: ArraySlice<UInt8>) -> Bool {
    let rest = startsWithLandingPad(bytes) ? bytes.dropFirst(landingPadBytes) : bytes
    return callSites.returnSigning.contains { rest.elementsEqual($0) }
  }

  /// Whether `bytes` begin with a landing pad of four bytes.
  func startsWithLandingPad(_ bytes: ArraySlice<UInt8>) -> Bool {
    callSites.landingPads.contains { bytes.starts(with: $0) }
  }
}

/// The length of every landing pad.
let landingPadBytes = 4
