internal import ApusCore
internal import ApusISA

struct PPC64LECodeMover: CodeMover {
  func relocate(
    _ code: [UInt8], at address: Address, to destination: Address, minimumCount: Int
  ) throws(RelocationError) -> RelocatedCode {
    try PPC64LE.Relocator().relocate(code, at: address, to: destination, minimumCount: minimumCount)
  }

  func returnSites(_ code: [UInt8], at address: Address) -> [(address: Address, code: [UInt8])]? {
    PPC64LEReturnSites.find(code, at: address)
  }
}
