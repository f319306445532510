// swift-tools-version: 6.2
import PackageDescription

// What the benchmarks need of the code generator. Sources/ holds links to the modules of the main package; see
// instructions.py.

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
]

func module(_ name: String, _ imports: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: imports, swiftSettings: settings)
}

let package = Package(
  name: "apus-benchmarks",
  targets: [
    .systemLibrary(name: "CCapstone", pkgConfig: "capstone"),
    module("ApusCore", []),
    module("ApusISA", ["ApusCore", "CCapstone"]),
    module("ApusProbe", ["ApusCore", "ApusISA"]),
    module("ApusTrampoline", ["ApusCore", "ApusISA", "ApusProbe"]),
    .executableTarget(
      name: "CallCode", dependencies: ["ApusCore", "ApusISA", "ApusProbe", "ApusTrampoline"],
      swiftSettings: settings),
  ]
)
