internal import ApusCore
internal import ApusISA

struct ARM64CodeMover: CodeMover {
  func relocate(
    _ code: [UInt8], at address: Address, to destination: Address, minimumCount: Int
  ) throws(RelocationError) -> RelocatedCode {
    try ARM64.Relocator().relocate(code, at: address, to: destination, minimumCount: minimumCount)
  }

  func returnSites(_ code: [UInt8], at address: Address) -> [(address: Address, code: [UInt8])]? {
    ARM64ReturnSites.find(code, at: address)
  }
}
