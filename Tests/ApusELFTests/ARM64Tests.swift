import ApusCore
import ApusELF
import Testing

/// The reader takes any architecture on any host: clang and lld make arm64 files here.
@Suite struct ARM64Tests {
  static let source = """
    __attribute__((noinline)) int second(int x) { return x * 3; }
    __attribute__((noinline)) int first(int x) { return second(x) + 1; }
    static int third(int x) { return x; }
    int (*pointer)(int) = third;
    """

  /// Flags, and the bytes of the slot, before it, and of the landing pad.
  static let builds: [(String, Int, Int, Int)] = [
    ("-fpatchable-function-entry=2", 8, 0, 0), ("-fpatchable-function-entry=4,2", 8, 8, 0),
    ("-mbranch-protection=standard -fpatchable-function-entry=2", 8, 0, 4),
    ("-mbranch-protection=standard -fpatchable-function-entry=4,2", 8, 8, 4),
  ]

  @Test(arguments: builds, ["-c", "-shared -nostdlib", "-shared -nostdlib -Wl,--pack-dyn-relocs=relr"])
  func sitesAreWhereNmPutsTheFunctions(_ build: (String, Int, Int, Int), _ linking: String) throws {
    let scratch = try Scratch()
    let linker = linking == "-c" ? "" : "-fuse-ld=lld"
    let path = try scratch.build(
      Self.source, "clang --target=aarch64-linux-gnu", "-O2 -fPIC \(build.0) \(linking) \(linker)")
    let image = try image(path)
    #expect(image.architecture == .arm64)
    let found = try CallSites(image)
    #expect(Set(sitesByName(found).keys) == ["first", "second", "third"])
    let addresses = try nmFunctions(path)
    for site in found.sites {
      let function = found.functions[site.function]
      if linking != "-c" { #expect(function.address == addresses[function.name]) }
      #expect(site.slot == function.address + UInt64(build.3))
      #expect(site.hasLandingPad == (build.3 > 0))
      #expect(site.slotBytes == build.1)
      #expect(site.bytesBefore == build.2)
      #expect(site.resumeOffset == 4)
      #expect(site.modes == .all)
      #expect(site.isListed)
    }
    if build.3 > 0 {
      #expect(try image.controlFlowProtection().isSuperset(of: [.branchTargets, .signedReturns]))
    }
  }
}
