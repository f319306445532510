package import ArgumentParser

/// `apus patch`
package struct PatchCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "patch", abstract: "Make live patches and look at them.",
    subcommands: [
      PatchBuildCommand.self, PatchPackCommand.self, PatchInspectCommand.self, PatchCheckCommand.self,
      PatchCompareCommand.self,
      PatchLinkCommand.self,
    ])

  package init() {}
}
