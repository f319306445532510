// swift-tools-version: 6.2
import PackageDescription

// The readers under libFuzzer and AddressSanitizer. Sources/ holds links to the modules of the main package, compiled
// anew with the sanitizers; see run.sh.

let sanitizers: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"]),
]

func module(_ name: String, _ imports: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: imports, swiftSettings: sanitizers)
}

func fuzzer(_ name: String, _ imports: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: imports, swiftSettings: sanitizers,
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])])
}

let package = Package(
  name: "apus-fuzz",
  targets: [
    .target(name: "CApusLinux"),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd"),
    .systemLibrary(name: "CCapstone", pkgConfig: "capstone"),
    module("ApusCore", []),
    module("ApusELF", ["ApusCore"]),
    module("ApusISA", ["ApusCore", "CCapstone"]),
    module("ApusProbe", ["ApusCore", "ApusISA"]),
    module("ApusSystem", ["ApusCore", "CApusLinux"]),
    module("ApusProcess", ["ApusCore", "ApusSystem", "CApusLinux"]),
    module("ApusTraceFile", ["ApusCore", "ApusProbe", "ApusSystem", "CZstd"]),
    module("ApusReport", ["ApusCore", "ApusProbe", "ApusSystem", "ApusTraceFile"]),
    module("ApusPatchObject", ["ApusCore", "ApusELF", "ApusISA"]),
    module("ApusPatchBuild", ["ApusCore", "ApusELF", "ApusISA", "ApusPatchObject", "ApusSystem"]),
    fuzzer("FuzzELF", ["ApusCore", "ApusELF"]),
    fuzzer("FuzzPatch", ["ApusCore", "ApusELF", "ApusPatchBuild", "ApusPatchObject"]),
    fuzzer("FuzzRemote", ["ApusCore", "ApusProcess"]),
    fuzzer("FuzzTrace", ["ApusCore", "ApusSystem", "ApusTraceFile", "ApusReport", "CApusLinux"]),
  ]
)
