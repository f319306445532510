package import ApusCore
package import ApusProbe

/// Makes machine code of probe programs.
package struct Lowering: Sendable {
  /// What machine code it makes.
  package let architecture: Architecture

  /// A lowering for an architecture.
  package init(_ architecture: Architecture) {
    self.architecture = architecture
  }

  /// Lowers a program, which should have passed ``ProbeProgram/check()``: what is not checked again here
  /// becomes code that does what the program says.
  package func lower(_ program: ProbeProgram) throws(LoweringError) -> CodeBlob {
    if program.role.isShared, architecture != .arm64 {
      throw .noSharedStubs(program: program.name, architecture)
    }
    switch architecture {
    case .x86_64:
      var lowering = try X86_64Lowering(program)
      return try lowering.run()
    case .arm64:
      var lowering = try ARM64Lowering(program)
      return try lowering.run()
    case .ppc64le:
      var lowering = try PPC64LELowering(program)
      return try lowering.run()
    }
  }
}
