/// How a file is linked: what sort of thing it is to its user.
package enum ELFLinkage: String, Sendable, CaseIterable {
  /// A `.o` file.
  case relocatable
  /// A program at fixed addresses that a dynamic linker starts.
  case executable
  /// A program at fixed addresses, complete in itself.
  case staticExecutable = "static executable"
  /// A position-independent program that a dynamic linker starts.
  case pie
  /// A position-independent program, complete in itself.
  case staticPIE = "static-pie"
  /// A shared library.
  case sharedLibrary = "shared library"
}

extension ELFImage {
  /// How the file is linked.
  package var linkage: ELFLinkage {
    let hasInterpreter = segments.contains { $0.type == SegmentType.interpreter }
    switch type {
    case .relocatable: return .relocatable
    case .executable, .core: return hasInterpreter ? .executable : .staticExecutable
    case .shared:
      if (dynamicValue(DynamicTag.flags1) ?? 0) & positionIndependentExecutableFlag != 0 {
        return hasInterpreter ? .pie : .staticPIE
      }
      // Linkers before DF_1_PIE; libc has an interpreter too, but a name of its own.
      return hasInterpreter && dynamicValue(DynamicTag.sharedObjectName) == nil ? .pie : .sharedLibrary
    }
  }
}
