package import ApusCore

/// Code as assemblers lay it out, which choose between short and long forms of jumps by what stands around them.
package enum RelaxedCode {
  /// Whether two pieces of code are the same but for how their jumps are encoded, and for padding.
  ///
  /// - Parameters:
  ///   - open: offsets in `object` of bytes that a linker changes, and so are not compared.
  package static func isSame(
    _ object: [UInt8], _ linked: [UInt8], open: Set<Int>, _ architecture: Architecture
  ) -> Bool {
    switch architecture {
    case .x86_64: X86_64.RelaxedCode.isSame(object, linked, open: open)
    // Their jumps have one form.
    case .arm64, .ppc64le: false
    }
  }
}
