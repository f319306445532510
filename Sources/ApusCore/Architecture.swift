/// An instruction-set architecture that Apus can trace.
///
/// The architecture is a value, never a compile-time condition: any host can read, encode and test for
/// any target.
public enum Architecture: String, Sendable, CaseIterable {
  case x86_64
  case arm64
  case ppc64le
}
