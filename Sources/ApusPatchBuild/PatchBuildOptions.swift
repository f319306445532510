/// What `apus patch build` is asked for.
package struct PatchBuildOptions: Sendable {
  package var source: String
  package var diff: String
  /// Programs and libraries to be patched; none: all that the build links and the change touches.
  package var targets: [String]
  package var name: String
  package var isReplacement: Bool
  /// Names of structures that may be laid out in another way: no object of them lives on.
  package var allowedLayouts: Set<String> = []
  package var command: [String]
  /// The program that stands in for compilers: apus itself.
  package var apus: String
  /// Whether the working directory stays.
  package var keeps: Bool

  package init(
    source: String, diff: String, targets: [String], name: String, isReplacement: Bool, command: [String],
    apus: String, keeps: Bool
  ) {
    self.source = source
    self.diff = diff
    self.targets = targets
    self.name = name
    self.isReplacement = isReplacement
    self.command = command
    self.apus = apus
    self.keeps = keeps
  }
}
