package import ApusProbe

/// The code of a stub, of which that of other functions is made by putting their numbers in: lowering each is most of a launch.
package struct StubTemplate: Sendable {
  /// The stub's program for some function, and its code: labels and offsets are those of all.
  package let program: ProbeProgram
  package let blob: CodeBlob
  /// The words that stand in the code for this function; see ``CallSiteOps/words(function:)``.
  private let words: [(index: Int, value: UInt64)]

  /// Numbers of functions whose words are like nothing else in a stub, and need all the room that any may need.
  private static let samples: (UInt32, UInt32) = (0x5a_a5c3, 0xb6_3d79)

  /// A template of the stubs that `program` makes for functions' numbers; nil if what differs between them is more than numbers in
  /// the code (a displacement, say), so that each must be lowered. That is tried: the first sample's stub with the second's
  /// number in it must be the second's.
  package init?(
    _ lowering: Lowering, _ program: (_ function: UInt32) -> ProbeProgram
  ) throws(LoweringError) {
    self.program = program(Self.samples.0)
    let blob = try lowering.lower(self.program)
    self.blob = blob
    words = CallSiteOps.words(function: Self.samples.0).enumerated().compactMap { index, value in
      blob.constantSites.contains { $0.value == value } ? (index, value) : nil
    }
    guard let other = try self.blob(function: Self.samples.1) else { return nil }
    guard other == (try lowering.lower(program(Self.samples.1))) else { return nil }
  }

  /// The code for a function; nil if its number does not fit.
  package func blob(function: UInt32) throws(LoweringError) -> CodeBlob? {
    let values = CallSiteOps.words(function: function)
    var blob = blob
    do throws(LoweringError) {
      // (No function's word is a sample's that is still to be replaced: numbers have 24 bits, events' kinds differ.)
      for word in words { try blob.replaceConstant(word.value, with: values[word.index]) }
    } catch .constantDoesNotFit { return nil }
    return blob
  }
}
