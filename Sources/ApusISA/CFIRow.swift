/// One row of the call-frame information of our own code: it holds from `offset` up to the next row's.
///
/// The canonical frame address (CFA) is the stack pointer plus `cfaOffset`, always; our code changes no
/// callee-saved register, so a row says nothing about them.
package struct CFIRow: Sendable, Hashable {
  /// Where the return address is.
  package enum ReturnAddress: Sendable, Hashable {
    /// In memory, at this distance from the CFA (x86_64: −8).
    case memory(Int32)
    /// In the register with this number in call-frame information (arm64: 30, ppc64le: 65, while nothing else has been put
    /// there).
    case register(UInt8)
    /// Not on the stack: the shadow map holds it, for the frame address that lies at this distance from the
    /// CFA.
    case shadowMap(Int32)
  }
  /// From which offset of the code, in bytes, the row holds.
  package var offset: Int
  /// The CFA's distance from the stack pointer, in bytes.
  package var cfaOffset: Int32
  /// Where the return address is.
  package var returnAddress: ReturnAddress

  /// Makes a row.
  package init(offset: Int, cfaOffset: Int32, returnAddress: ReturnAddress) {
    self.offset = offset
    self.cfaOffset = cfaOffset
    self.returnAddress = returnAddress
  }
}
