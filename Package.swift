// swift-tools-version: 6.2
import PackageDescription

/// Every Swift module is built under the same rules; see Documentation/Architecture.md.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

/// One module of Apus: what it may import is exactly `imports` (and, for tests, what is under test).
struct Module {
  var name: String
  var imports: [Target.Dependency]
  var tests: [Target.Dependency]?
}

/// The layers, lowest first. A test reads this table and checks the sources against it.
let modules: [Module] = [
  Module(name: "ApusCore", imports: [], tests: []),
  Module(name: "ApusELF", imports: ["ApusCore"], tests: []),
  Module(name: "ApusISA", imports: ["ApusCore", "CCapstone"], tests: []),
  Module(name: "ApusProbe", imports: ["ApusCore", "ApusISA"], tests: []),
  Module(name: "ApusTrampoline", imports: ["ApusCore", "ApusISA", "ApusProbe"], tests: ["CApusLinux"]),
  Module(name: "ApusSystem", imports: ["ApusCore", "CApusLinux"], tests: []),
  Module(name: "ApusProcess", imports: ["ApusCore", "ApusSystem", "CApusLinux"], tests: []),
  Module(
    name: "ApusLiveText",
    imports: [
      "ApusCore", "ApusELF", "ApusISA", "ApusProbe", "ApusTrampoline", "ApusSystem", "ApusProcess",
    ], tests: []),
  Module(name: "ApusTraceFile", imports: ["ApusCore", "ApusProbe", "ApusSystem", "CZstd"], tests: []),
  Module(
    name: "ApusRecord",
    imports: [
      "ApusCore", "ApusELF", "ApusISA", "ApusProbe", "ApusTrampoline", "ApusSystem", "ApusProcess",
      "ApusLiveText",
      "ApusTraceFile", "CApusLinux", logging,
    ], tests: []),
  Module(
    name: "ApusPatchObject", imports: ["ApusCore", "ApusELF", "ApusISA"], tests: ["ApusSystem"]),
  Module(
    name: "ApusPatchBuild", imports: ["ApusCore", "ApusELF", "ApusISA", "ApusPatchObject", "ApusSystem"],
    tests: []),
  Module(name: "ApusReport", imports: ["ApusCore", "ApusProbe", "ApusSystem", "ApusTraceFile"], tests: []),
]

let libraries: [Target] = [
  .target(name: "CApusLinux"),
  .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
  .systemLibrary(name: "CCapstone", pkgConfig: "capstone", providers: [.apt(["libcapstone-dev"])]),
]

let layers: [Target] = modules.map {
  .target(name: $0.name, dependencies: $0.imports, swiftSettings: settings)
}

let tests: [Target] = modules.compactMap { module in
  guard let more = module.tests else { return nil }
  return .testTarget(
    name: module.name + "Tests",
    dependencies: [.target(name: module.name), "TestSupport"] + module.imports + more,
    swiftSettings: settings)
}

/// What tests have in common, and know nothing of Apus for.
let testSupport: Target = .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings)

let command: Target = .executableTarget(
  name: "ApusCommand",
  dependencies: modules.map { .target(name: $0.name) } + [argumentParser, logging],
  swiftSettings: settings)

let package = Package(
  name: "apus",
  products: [.executable(name: "apus", targets: ["ApusCommand"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
  ],
  targets: libraries + layers + tests + [testSupport, command]
)
