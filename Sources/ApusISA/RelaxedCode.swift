package import ApusCore

/// Code as assemblers lay it out, which choose between short and long forms of jumps by what stands around them.
package enum RelaxedCode {
  /// Compares two pieces of code; they may differ in how their jumps are encoded, and in padding.
  ///
  /// - Parameters:
  ///   - open: offsets in `object` of bytes that a linker changes, and so are not compared.
  /// - Returns: nil if they differ otherwise. Else, by the first open byte of each instruction that has some and refers to a place by
  ///   the distance: which place that is in what was linked, counted from its start, where that is 0.
  package static func destinations(
    _ object: [UInt8], _ linked: [UInt8], open: Set<Int>, _ architecture: Architecture
  ) -> [Int: Address]? {
    switch architecture {
    case .x86_64: X86_64.RelaxedCode.destinations(object, linked, open: open)
    // Their jumps have one form.
    case .arm64, .ppc64le: nil
    }
  }
}
