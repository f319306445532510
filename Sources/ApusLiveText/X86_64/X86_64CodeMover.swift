internal import ApusCore
internal import ApusISA

struct X86_64CodeMover: CodeMover {
  private let decoder: X86_64.Decoder

  init() throws(DisplacementError) {
    do { decoder = try X86_64.Decoder() } catch { throw .noDecoder("\(error)") }
  }

  func relocate(
    _ code: [UInt8], at address: Address, to destination: Address, minimumCount: Int
  ) throws(RelocationError) -> RelocatedCode {
    try X86_64.Relocator(decoder).relocate(
      code, at: address, to: destination, minimumCount: minimumCount)
  }

  func returnSites(_ code: [UInt8], at address: Address) -> [(address: Address, code: [UInt8])]? {
    X86_64ReturnSites.find(code, at: address, decoder: decoder)
  }
}
